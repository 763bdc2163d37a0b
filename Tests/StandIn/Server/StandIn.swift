import D2Common

/// How a stand-in server is set up.
public struct StandInOptions: Sendable {
  /// The release that it imitates.
  public var version = ServerVersion.v42
  /// The port on 127.0.0.1; 0 takes a free one.
  public var port = 0
  /// Metadata as the payload of `POST /api/metadata`, with `users` beside it.
  public var metadata: JSONValue?
  /// Where there is no metadata: make a country with so many organisation units; 0 leaves the server empty.
  public var generatedUnits = 0
  /// How many data values to make for it.
  public var generatedValues = 0
  /// The years for which values are made.
  public var years = 2023...2024
  /// What the made country and its values depend on.
  public var seed: UInt64 = 1
  /// The superuser's password.
  public var adminPassword = "district"
  /// More superusers, by name with their passwords.
  public var users: [String: String] = [:]
  /// Tokens of the superuser.
  public var superuserTokens: [String] = []
  /// What goes wrong from the start.
  public var faults: [Fault] = []
  /// `2.40`, `2.42` or `2.43`: requests take as long as they do there. `nil` answers at once.
  public var costModel: String?
  /// Multiplies the costs.
  public var costScale = 1.0
  /// What times of imports differ by; `nil`: equal imports take equally long.
  public var costNoise: UInt64?
  /// The cores that imports share.
  public var costCores = 2
  /// Milliseconds since 1970 that the server's clock shows when it starts; `nil` is the machine's time.
  public var clockStart: Int64?
  /// The zone of the server's local time, such as `America/Bogota`.
  public var timeZone = "Etc/UTC"
  /// What the server calls that, where it is something else.
  public var shownTimeZone: String?
  /// After so many seconds without a request a connection is closed; `nil` never closes it.
  public var keepAliveSeconds: Double?
  /// How long the scheduler of 2.41 and later takes to begin an asynchronous import.
  public var asyncDelaySeconds = 15.0

  /// How long before the server's start the analytics job ran; `nil`: never.
  public var analyticsSecondsAgo: Int?
  /// How many values an analytics question may bring (`analyticsMaxLimit` of the system settings).
  public var analyticsLimit = 100_000

  /// An empty server of 2.42 on a free port.
  public init() {}
}

/// A server that answers as DHIS2 does, for tests, demonstrations and measurements.
///
///     var options = StandInOptions()
///     options.version = .v43
///     let server = try StandIn(options)
///     try server.start()       // server.port, server.url
///     …
///     server.stop()
public final class StandIn: Sendable {
  private let server: Server
  private let listener: Listener

  /// Loads the metadata and opens the port; nothing is answered before `start()`.
  public init(_ options: StandInOptions) throws {
    server = try Server(options)
    listener = try Listener(port: options.port)
  }

  /// The port on 127.0.0.1.
  public var port: Int { listener.port }

  /// The address, without a slash at its end.
  public var url: String { "http://127.0.0.1:\(port)" }

  /// Begins to answer, on threads of its own.
  @discardableResult
  public func start() -> Int {
    listener.run(server)
    return port
  }

  /// Stops accepting connections; those that are open end with their request.
  public func stop() { listener.stop() }

  /// Adds faults to the plan.
  public func add(faults: Fault...) { server.faults.add(faults) }

  /// Takes all faults out of the plan.
  public func clearFaults() { server.faults.clear() }

  /// Whether no fault is left in the plan that happens a number of times.
  var faultsHaveHappened: Bool { server.faults.pending.allSatisfy { $0.left == 0 } }

  /// What the server has seen: the document of `GET /control/stats`.
  public var statistics: JSONValue { server.statistics.json }

  /// Counts from zero again.
  public func resetStatistics() { server.statistics.reset() }

  /// Changes metadata while the server runs, by the document of `POST /control/metadata`.
  public func change(metadata change: String) throws { try server.changeMetadata(try JSONValue(reading: change)) }

  /// What its clock shows, in seconds since 1970.
  public var nowSeconds: Int { Int(server.clock.now / 1000) }

  /// Moves its clock on, as `POST /control/clock` does.
  public func advanceClock(seconds: Int) { server.clock.advance(milliseconds: Int64(seconds) * 1000) }

  /// Runs the analytics job, as `POST /control/analytics` does: values that come later are not in its tables.
  ///
  /// - Parameter secondsAgo: how old the tables say they are.
  public func runAnalytics(secondsAgo: Int = 0) {
    server.runAnalytics(at: server.clock.now - Int64(secondsAgo) * 1000)
  }

  /// The metadata that it has now.
  var metadata: Metadata { server.metadata }

  /// Gives a user other units, or other authorities than all.
  func restrict(user: String, to units: [String] = [], authorities: [String]? = nil) {
    let units = units.compactMap { metadata.organisationUnitByUid[$0] }
    server.authentication.change(user: user) { user in
      if !units.isEmpty { user.organisationUnits = units }
      if let authorities { user.authorities = authorities }
    }
  }

  /// All stored values as NDJSON, sorted by key: the document of `GET /control/values`.
  public var values: String { String(decoding: server.dumpValues(), as: UTF8.self) }

  /// Stores values as they are, given as NDJSON; returns how many.
  @discardableResult
  public func load(values: String) throws -> Int { try server.loadValues(Array(values.utf8)) }
}

extension StandInOptions {
  /// Milliseconds since 1970 of a moment such as `2026-11-24T04:53:17`; `nil` for other texts.
  public static func moment(_ text: String) -> Int64? { Stamp.parse(text) }
}
