import D2Client
import D2Common

/// What d2-push must know about the destination before it sends values: its version, its calendar, and the uid of its
/// default option combo.
struct DestinationTraits: Sendable {
  let version: DHIS2Version?
  let defaultCombo: [UInt8]
  /// The name of its calendar; `nil` if the server does not report it.
  let calendar: String?
  /// How many imports at a time it probably does best; `nil` if that is unknown.
  let bestConcurrency: Int?
  private let usesUIDs: Bool
  private let namedDataSet: String?

  /// Signs in and asks the server. A server that reports nothing counts as one up to 2.42.
  ///
  /// - Throws: `ServerError` if the server refuses the credentials or cannot be reached.
  init(_ client: DHIS2Client, _ options: PushOptions) throws {
    var version: DHIS2Version?
    var combo = DefaultCombo.usualUID
    var calendar: String?
    var cores: Int?
    do {
      let info = try client.serverInfo()
      version = info.version
      calendar = info.calendar
      cores = info.cores
      if version != nil { combo = try DefaultCombo.uids(client).first ?? combo }
    } catch let error as ServerError where Self.canGoOn(after: error) {
      client.log.debug("\(error); going on without")
    }
    if version == nil { client.log.debug("the server does not tell its version") }
    self.version = version
    self.calendar = calendar
    bestConcurrency = cores.map { max(1, $0 / Self.coresOfImport) }
    defaultCombo = Array(combo.utf8)
    usesUIDs = !options.passedOn.contains {
      $0.name.lowercased().hasSuffix("idscheme") && $0.value.uppercased() != "UID"
    }
    namedDataSet = options.dataSet
  }

  /// A server of a version, with the usual default combo.
  init(version: DHIS2Version?, namedDataSet: String? = nil) {
    self.version = version
    calendar = nil
    bestConcurrency = nil
    defaultCombo = Array(DefaultCombo.usualUID.utf8)
    usesUIDs = true
    self.namedDataSet = namedDataSet
  }

  /// One for the server, and one for its database (docs/dhis2-servers.md, "What it costs").
  private static let coresOfImport = 2

  /// A temporary failure must not decide how the whole run works.
  private static func canGoOn(after error: ServerError) -> Bool {
    switch error.kind {
    case .status(429), .status(500...): false
    default: error.leavesDataInReach
    }
  }

  /// Whether one value can fail a whole group: servers from 2.43 on upsert values by group (docs/dhis2-servers.md, trap
  /// 8).
  var failsWholeGroups: Bool { version?.failsWholeGroups ?? false }

  /// Whether values must have the spelling that servers from 2.43 on can read.
  var respells: Bool { failsWholeGroups }

  /// Up to 2.42, each id costs one query until 250 ids were not found, unless the request asks for a preheat. That is
  /// up to 19 times slower (docs/dhis2-servers.md, "What it costs").
  var wantsPreheat: Bool { !failsWholeGroups }

  /// Up to 2.42, a batch of 20,000 values is six times as fast as one of 1,000. Later versions prefer small batches.
  /// Nothing is known about other servers (docs/dhis2-servers.md, "What it costs").
  var likesLargeBatches: Bool { version.map { !$0.failsWholeGroups } ?? false }

  /// Whether such a server may answer a value with a failure of the whole request. The cause is a period or id that it
  /// cannot read, or category options.
  func mayFailRequest(_ line: DataValueLine) -> Bool {
    guard failsWholeGroups else { return false }
    if !line.keys.nested.isEmpty { return true }
    let period = line.bytes(line[.period])
    if !PeriodID.isCertain(String(decoding: period, as: UTF8.self)) { return true }
    guard usesUIDs else { return false }
    return [.dataElement, .orgUnit, .categoryOptionCombo, .attributeOptionCombo].contains { (key: DataValueLine.Key) in
      let field = line[key]
      return field.kind == .string && !UID.canBe(bytes: line.bytes(field))
    }
  }

  /// The beginning of a request body, up to the bracket of the array. It always names the data set of the options. It
  /// names the data set of the values only if the server needs it (docs/dhis2-servers.md, trap 9).
  func header(dataSet: String?, kind: DataKind) -> [UInt8] {
    var header: [UInt8] = Array("{".utf8)
    if let name = namedDataSet ?? (failsWholeGroups ? dataSet : nil), kind == .dataValues {
      header += #""dataSet":"#.utf8
      JSONValue.writeString(name, to: &header)
      header.append(UInt8(ascii: ","))
    }
    header += "\"\(kind.arrayKey)\":[".utf8
    return respells ? ASCIIEscapes.of(header) : header
  }
}
