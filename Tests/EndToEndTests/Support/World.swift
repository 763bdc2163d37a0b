import D2Common
import TestSupport

@testable import StandInServer

/// The world of an end-to-end test: a source and an empty destination with the same metadata, and a shell between them.
/// On request it also has a store with the pair `hmis`, its slices, and a queue in front of the destination.
final class World {
  typealias Version = StandInServer.ServerVersion

  let source: StandIn
  let destination: StandIn
  let shell: Shell
  /// The metadata of the destination at the start. The source has the same, unless it has its own units.
  let metadata: Metadata
  /// The store in the shell's `D2_STORE`.
  let givenStore: TestStore?
  let givenQueue: DispatcherStandIn?
  /// Whether scripts may use the words of `lib.sh`.
  var hasLibrary = false

  static let units = 60

  /// - Parameters:
  ///   - values: how many values the source has, in 2022.
  ///   - sourceUnits: how many organisation units the source has instead; they have other ids.
  ///   - change: more options of both servers.
  ///   - changeSource: more options of the source alone.
  ///   - changeQueue: more options of the queue.
  init(
    _ from: Version = .v42, _ to: Version = .v42, values: Int = 3000, sourceUnits: Int? = nil, store: TestStore? = nil,
    queue: DispatcherOptions.Flavour? = nil, environment: [String: String] = [:],
    change: (inout StandInOptions) -> Void = { _ in }, changeSource: (inout StandInOptions) -> Void = { _ in },
    changeQueue: (inout DispatcherOptions) -> Void = { _ in }
  ) throws {
    var options = StandInOptions()
    options.generatedUnits = Self.units
    options.years = 2022...2022
    options.asyncDelaySeconds = 0.5
    change(&options)
    options.version = to
    destination = try StandIn(options)
    metadata = destination.metadata
    options.version = from
    options.generatedValues = values
    if let sourceUnits { options.generatedUnits = sourceUnits }
    changeSource(&options)
    source = try StandIn(options)
    source.start()
    destination.start()
    givenStore = store
    if let queue {
      givenQueue = try Self.queue(queue, source, destination, changeQueue)
    } else {
      givenQueue = nil
    }
    var all = [
      "SRC": source.url, "DST": destination.url, "DS": metadata.dataSets.map(\.uid).joined(separator: ","),
      "ROOT": metadata.organisationUnits[0].uid,
    ]
    if let store { all.merge(Self.environment(of: store)) { $1 } }
    if let givenQueue, let queue { all.merge(Self.environment(of: givenQueue, queue)) { $1 } }
    shell = Shell(all.merging(environment) { $1 })
  }

  deinit {
    givenQueue?.stop()
    source.stop()
    destination.stop()
  }

  var dataSets: [String] { metadata.dataSets.map(\.uid) }
  var root: String { metadata.organisationUnits[0].uid }
  var districts: [String] { metadata.organisationUnits.filter { $0.level == 2 }.map(\.uid) }

  /// Runs a script in the shell.
  @discardableResult
  func run(_ script: String, _ more: [String: String] = [:]) -> Shell.Outcome {
    shell.run((hasLibrary ? "source lib.sh\n" : "") + script, more)
  }

  /// Pulls all data of the source for the year.
  static let pullAll =
    "d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --include-deleted"

  func fail(source specification: String) throws { source.add(faults: try Fault(parsing: specification)) }
  func fail(destination specification: String) throws { destination.add(faults: try Fault(parsing: specification)) }

  func change(source change: String) throws { try source.change(metadata: change) }
  func change(destination change: String) throws { try destination.change(metadata: change) }

  // MARK: What the servers hold

  /// A server's values, without what every server stamps itself.
  static func content(_ server: StandIn) -> [String] {
    server.values.split(separator: "\n").map { line in
      guard case .object(let members)? = try? JSONValue(parsing: String(line)) else { return String(line) }
      let stamps: Set<String> = ["created", "lastUpdated", "storedBy"]
      return JSONValue.object(members.filter { !stamps.contains($0.key) }).text
    }
  }

  /// A server's values in a comparable form, of some data sets or all.
  func content(_ server: StandIn, of sets: [Int]? = nil, where wanted: (JSONValue) -> Bool = { _ in true }) -> [String]
  {
    let elements = sets.map { Set($0.flatMap { metadata.elements(of: dataSets[$0]) }) }
    return Self.content(server).filter { line in
      guard let value = try? JSONValue(parsing: line), let element = value["dataElement"]?.string else { return true }
      return elements?.contains(element) != false && wanted(value)
    }
  }

  /// A few values that only one of the servers has, of some data sets or all: `-` for the source, `+` for the
  /// destination.
  func differences(of sets: [Int]? = nil, where wanted: (JSONValue) -> Bool = { _ in true }) -> [String] {
    Self.differences(content(source, of: sets, where: wanted), content(destination, of: sets, where: wanted))
  }

  /// A few lines that only one side has. If the source has no lines, that is a difference too.
  static func differences(_ source: [String], _ destination: [String]) -> [String] {
    guard !source.isEmpty else { return ["the source holds nothing of it"] }
    let (left, right) = (Set(source), Set(destination))
    let missing = source.filter { !right.contains($0) }.map { "- " + $0 }
    let extra = destination.filter { !left.contains($0) }.map { "+ " + $0 }
    return Array((missing + extra).prefix(4))
  }

  /// Requests with a filter through a reference. Up to 2.42 such a request makes a server load all of its units.
  static func filtersByReference(_ server: StandIn) -> [String] {
    (server.statistics["recent"]?.array ?? []).compactMap { $0["target"]?.string }.filter { $0.contains(".id:eq:") }
  }

  // MARK: What d2-push says

  /// The last totals that d2-push printed: `read 10 = 7 imported + …`.
  static func totals(_ errors: String) -> [String: Int] {
    guard let line = errors.split(separator: "\n").last(where: { $0.contains(": read ") }) else { return [:] }
    var totals: [String: Int] = [:]
    let words = line.split(separator: " ")
    for (position, word) in words.enumerated().dropLast() {
      guard let number = Int(word) else { continue }
      let isKept = words[position + 1] == "not" && words.dropFirst(position + 2).first?.hasPrefix("kept") == true
      totals[isKept ? "kept" : words[position + 1].split(separator: ";")[0].description] = number
      if position > 0, words[position - 1] == "read" { totals["read"] = number }
    }
    let parts = ["imported", "updated", "deleted", "ignored", "refused", "not", "kept", "queued"].reduce(0) {
      $0 + (totals[$1] ?? 0)
    }
    // If the counts do not add up, the totals are wrong.
    return parts == totals["read"] ? totals : [:]
  }

  /// How many of these values the server stored or deleted.
  static func taken(_ totals: [String: Int]) -> Int {
    ["imported", "updated", "deleted"].reduce(0) { $0 + (totals[$1] ?? 0) }
  }
}
