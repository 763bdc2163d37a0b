import D2Common
import StandInServer

/// An error on the command line.
struct UsageError: Error {
  let message: String
}

/// The command line.
struct Arguments {
  static let help = """
    usage: dhis2-stand-in [options]
      --version V            2.36 … 2.43, as 2.40.9.1 | 2.42.5.2 | 2.43.1 (default 2.42.5.2)
      --port N               port on 127.0.0.1 (default: a free one)
      --port-file FILE       write the port there when the server is ready
      --metadata FILE        payload of POST /api/metadata, with "users" beside it
      --values FILE          NDJSON of data values to start with
      --generate N           instead of --metadata: a country with N organisation units
      --generate-values M    and M data values
      --years A..B           for these years (default 2023..2024)
      --seed S               what is generated depends on this alone (default 1)
      --admin-password P     of the user admin (default district)
      --user NAME:PASSWORD   one more superuser; may be repeated
      --superuser-pat TOKEN  a personal access token of admin; may be repeated
      --fault SPEC           a fault as JSON; may be repeated
      --cost-model V         2.40 | 2.42 | 2.43: take as long as a real server
      --cost-scale X         … times X
      --cost-noise SEED      … some imports take much longer, as on a real server
      --cost-cores N         … with so many cores (default 2)
      --clock TIME           what the server's clock shows at the start, as 2026-11-24T04:53:17
      --time-zone ZONE       the server's local time (default Etc/UTC)
      --charset ascii|utf-8  the default charset of Java; with ascii, 2.43 reads posted values as ASCII
      --analytics SECONDS    the analytics job ran so many seconds ago (default: never)
      --analytics-limit N    values that an analytics question may bring (default 100000)
      --keep-alive SECONDS   closes connections without a request for so long (default: never)
      --async-delay SECONDS  before an asynchronous import begins, from 2.41 on (default 15)
      --csrf on|off          from 2.42 on: demand a token against cross-site requests (default off)
      --replay DIR           instead of all that: answer as recorded (--record of the commands)
      --help

    A queue instead of a server:
      --dispatcher c|go      answer as dispatcher-2 or go-dispatcher2
      --deliver-to URL       deliver to this address, as admin of --admin-password
      --deliver-after S      after so many seconds (default 0)
      --retry-after S        go: send a failed request again after so many seconds (default 300)
      --source NAME, --destination NAME
                             the two servers that it knows (default source, destination)
      --user NAME:PASSWORD   who may queue (default queuer:secret); --superuser-pat TOKEN too, in go
    """

  private(set) var options = StandInOptions()
  /// The options of a queue, if it is one.
  private(set) var dispatcher: DispatcherOptions?
  /// A folder of recorded exchanges.
  private(set) var replay: String?
  private(set) var portFile: String?
  private(set) var values: String?
  private(set) var wantsHelp = false

  init(_ arguments: [String]) throws(UsageError) {
    var rest = arguments[...]
    var queue = DispatcherOptions()
    queue.servers = [.init("source", url: "http://127.0.0.1"), .init("destination", url: "http://127.0.0.1")]
    while let option = rest.popFirst() {
      if option == "--help" || option == "-h" {
        wantsHelp = true
        return
      }
      guard let value = rest.popFirst() else { throw UsageError(message: "\(option) needs a value") }
      if try take(queue: option, value, &queue) { continue }
      try take(option, value)
    }
    guard dispatcher != nil else { return }
    queue.port = options.port
    queue.faults = options.faults
    queue.tokens = options.superuserTokens
    if !options.users.isEmpty { queue.users = options.users }
    queue.servers[1].password = options.adminPassword
    dispatcher = queue
  }

  /// Handles an option of a queue; false for another option.
  private mutating func take(
    queue option: String, _ value: String, _ queue: inout DispatcherOptions
  ) throws(UsageError) -> Bool {
    switch option {
    case "--dispatcher":
      queue.flavour = try known(DispatcherOptions.Flavour(rawValue: value), option, value)
      dispatcher = queue
    case "--deliver-to": queue.servers[1].url = value
    case "--deliver-after": queue.deliverAfterSeconds = try known(Double(value), option, value)
    case "--retry-after": queue.retryAfterSeconds = try known(Double(value), option, value)
    case "--source": queue.servers[0].name = value
    case "--destination": queue.servers[1].name = value
    default: return false
    }
    return true
  }

  private mutating func take(_ option: String, _ value: String) throws(UsageError) {
    switch option {
    case "--version": options.version = try known(ServerVersion(value), option, value)
    case "--port": options.port = try known(UInt16(value).map(Int.init), option, value)
    case "--port-file": portFile = value
    case "--replay": replay = value
    case "--metadata":
      let text = try read(value)
      do { options.metadata = try JSONValue(reading: text) } catch {
        throw UsageError(message: "\(value): \(error)")
      }
    case "--values": values = try read(value)
    case "--generate": options.generatedUnits = try known(Int(value), option, value)
    case "--generate-values": options.generatedValues = try known(Int(value), option, value)
    case "--years":
      let years = value.split(separator: ".").compactMap { Int($0) }
      guard let first = years.first, let last = years.last, first <= last else {
        throw UsageError(message: "--years \(value): write 2023..2024")
      }
      options.years = first...last
    case "--seed": options.seed = try known(UInt64(value), option, value)
    case "--admin-password": options.adminPassword = value
    case "--user":
      let parts = value.split(separator: ":", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw UsageError(message: "--user \(value): write NAME:PASSWORD") }
      options.users[parts[0]] = parts[1]
    case "--superuser-pat": options.superuserTokens.append(value)
    case "--fault":
      do { options.faults.append(try Fault(parsing: value)) } catch { throw UsageError(message: "--fault: \(error)") }
    case "--cost-model":
      guard ["2.40", "2.42", "2.43"].contains(value) else { throw UsageError(message: "--cost-model \(value)?") }
      options.costModel = value
    case "--cost-scale": options.costScale = try known(Double(value), option, value)
    case "--cost-noise": options.costNoise = try known(UInt64(value), option, value)
    case "--cost-cores":
      let cores = try known(Int(value), option, value)
      guard cores >= 2 else { throw UsageError(message: "--cost-cores \(value): at least 2") }
      options.costCores = cores
    case "--clock": options.clockStart = try known(StandInOptions.moment(value), option, value)
    case "--time-zone": options.timeZone = value
    case "--charset": options.readsASCII = try known(["ascii": true, "utf-8": false][value], option, value)
    case "--analytics": options.analyticsSecondsAgo = try known(Int(value), option, value)
    case "--analytics-limit": options.analyticsLimit = try known(Int(value), option, value)
    case "--keep-alive": options.keepAliveSeconds = try known(Double(value), option, value)
    case "--csrf": options.demandsCrossSiteToken = try known(["on": true, "off": false][value], option, value)
    case "--async-delay": options.asyncDelaySeconds = try known(Double(value), option, value)
    default: throw UsageError(message: "no option is called \(option)")
    }
  }

  private func known<Value>(_ value: Value?, _ option: String, _ text: String) throws(UsageError) -> Value {
    guard let value else { throw UsageError(message: "\(option) \(text): not understood") }
    return value
  }

  private func read(_ path: String) throws(UsageError) -> String {
    guard let text = File.read(path) else { throw UsageError(message: "cannot read \(path)") }
    return text
  }
}
