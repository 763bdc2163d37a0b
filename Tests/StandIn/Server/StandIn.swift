import D2Common

/// The options of a stand-in server.
public struct StandInOptions: Sendable {
  /// The release to imitate.
  public var version = ServerVersion.v42
  /// The port on 127.0.0.1; 0 for a free one.
  public var port = 0
  /// Metadata as the payload of `POST /api/metadata`, with `users` beside it.
  public var metadata: JSONValue?
  /// Without metadata: the number of organisation units in the generated country; 0 leaves the server empty.
  public var generatedUnits = 0
  /// The number of generated data values.
  public var generatedValues = 0
  /// The years of the generated values.
  public var years = 2023...2024
  /// The seed of the generated country and its values.
  public var seed: UInt64 = 1
  /// The superuser's password.
  public var adminPassword = "district"
  /// More superusers, by name with their passwords.
  public var users: [String: String] = [:]
  /// Tokens of the superuser.
  public var superuserTokens: [String] = []
  /// The faults from the start.
  public var faults: [Fault] = []
  /// `2.40`, `2.42` or `2.43`: requests take as long as on that version. `nil` for immediate answers.
  public var costModel: String?
  /// Multiplies the costs.
  public var costScale = 1.0
  /// The seed for varying import times; `nil` for equal times of equal imports.
  public var costNoise: UInt64?
  /// The cores that imports share, as `system/info` reports them.
  public var costCores = 2
  /// The time of the server's clock at the start, in milliseconds since 1970; `nil` for the machine's time.
  public var clockStart: Int64?
  /// The server's time zone, for example `America/Bogota`.
  public var timeZone = "Etc/UTC"
  /// Whether the server's Java runs without a UTF-8 locale. Then 2.43 decodes posted data values as US-ASCII.
  public var readsASCII = false
  /// The zone name that the server reports, if it differs.
  public var shownTimeZone: String?
  /// After this many seconds without a request, a connection is closed; `nil` for never.
  public var keepAliveSeconds: Double?
  /// Whether a server from 2.42 on runs with `http.security.csrf.enabled`.
  public var demandsCrossSiteToken = false
  /// How long the scheduler of 2.41 and later takes to start an asynchronous import. Imports start one after the other.
  public var asyncDelaySeconds = 15.0

  /// How long before the server's start the analytics job ran; `nil` for never.
  public var analyticsSecondsAgo: Int?
  /// The limit of values in an analytics answer (`analyticsMaxLimit` of the system settings).
  public var analyticsLimit = 100_000

  /// An empty server of 2.42 on a free port.
  public init() {}
}

/// A server that answers like DHIS2, for tests, demonstrations and measurements.
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

  /// Loads the metadata and opens the port. It answers only after `start()`.
  public init(_ options: StandInOptions) throws {
    server = try Server(options)
    listener = try Listener(port: options.port)
  }

  /// The port on 127.0.0.1.
  public var port: Int { listener.port }

  /// The address, without a slash at its end.
  public var url: String { "http://127.0.0.1:\(port)" }

  /// Starts to answer, on its own threads.
  @discardableResult
  public func start() -> Int {
    listener.run(server)
    return port
  }

  /// Stops accepting connections; open ones end with their request.
  public func stop() { listener.stop() }

  /// Adds faults to the plan.
  public func add(faults: Fault...) { server.faults.add(faults) }

  /// Removes all faults from the plan.
  public func clearFaults() { server.faults.clear() }

  /// Whether all faults with a limited number of times have happened.
  var faultsHaveHappened: Bool { server.faults.pending.allSatisfy { $0.left == 0 } }

  /// The server's statistics: the document of `GET /control/stats`.
  public var statistics: JSONValue { server.statistics.json }

  /// Resets the counts.
  public func resetStatistics() { server.statistics.reset() }

  /// Changes metadata while the server runs, with the document of `POST /control/metadata`.
  public func change(metadata change: String) throws { try server.changeMetadata(try JSONValue(reading: change)) }

  /// The time of its clock, in seconds since 1970.
  public var nowSeconds: Int { Int(server.clock.now / 1000) }

  /// Advances its clock, like `POST /control/clock`.
  public func advanceClock(seconds: Int) { server.clock.advance(milliseconds: Int64(seconds) * 1000) }

  /// Runs the analytics job, like `POST /control/analytics`. Later values are not in its tables.
  ///
  /// - Parameter secondsAgo: the age of the tables.
  public func runAnalytics(secondsAgo: Int = 0) {
    server.runAnalytics(at: server.clock.now - Int64(secondsAgo) * 1000)
  }

  /// The current metadata.
  var metadata: Metadata { server.metadata }

  /// Restricts a user to other units, or to some authorities.
  func restrict(user: String, to units: [String] = [], authorities: [String]? = nil) {
    let units = units.compactMap { metadata.organisationUnitByUid[$0] }
    server.authentication.change(user: user) { user in
      if !units.isEmpty { user.organisationUnits = units }
      if let authorities { user.authorities = authorities }
    }
  }

  /// All stored values as NDJSON, sorted by key: the document of `GET /control/values`.
  public var values: String { String(decoding: server.dumpValues(), as: UTF8.self) }

  /// Stores values as given in NDJSON; returns how many.
  @discardableResult
  public func load(values: String) throws -> Int { try server.loadValues(Array(values.utf8)) }
}

extension StandInOptions {
  /// The milliseconds since 1970 of a moment like `2026-11-24T04:53:17`; `nil` for other texts.
  public static func moment(_ text: String) -> Int64? { Stamp.parse(text) }
}
