import D2Client
import D2Common

/// The organisation units of a selection: their number, and some of them in random order.
struct UnitPool {
  let total: Int
  /// At most one page of units.
  let picked: [String]
  /// Units that are known not to be in the selection, without a request.
  let outside: Set<String>
  /// Whether the pool has only units to which the data set is assigned.
  let isOfAssigned: Bool

  private static let pageSize = 100
  /// A hundred times as many as any country has, so that the extrapolated numbers do not overflow.
  private static let mostUnits = 10_000_000

  /// A pool of units that are named individually.
  init(_ units: [String], using random: inout SeededOrder) {
    total = units.count
    picked = Array(units.shuffled(using: &random).prefix(Self.pageSize))
    outside = []
    isOfAssigned = false
  }

  /// A pool of the units below others, to which a data set is assigned if one is given. If the answer with its units
  /// would be too large, or it has none below the roots, the pool is a page of a list.
  ///
  /// - Throws: `ServerError`.
  init(below roots: [String], dataSet: String?, _ client: DHIS2Client, using random: inout SeededOrder) throws {
    guard let dataSet, let assigned = try client.unitsAtOnce(of: dataSet, in: "dataSets", fields: "id,path") else {
      self = try UnitPool(pageBelow: roots, dataSet: dataSet, client, using: &random)
      return
    }
    let wanted = Set(roots)
    let below = assigned.compactMap { Self.unit($0) }.filter { Self.isBelow(wanted, $0.path) }.map(\.id)
    guard !below.isEmpty else {
      self = try UnitPool(pageBelow: roots, dataSet: nil, client, using: &random)
      return
    }
    total = below.count
    // The server lists them in any order.
    picked = Array(below.sorted().shuffled(using: &random).prefix(Self.pageSize))
    outside = []
    isOfAssigned = true
  }

  /// Uids are random, so a page of a list in their order is a sample.
  private init(
    pageBelow roots: [String], dataSet: String?, _ client: DHIS2Client, using random: inout SeededOrder
  ) throws {
    var filters = roots.count == 1 ? ["path:like:\(roots[0])"] : []
    if let dataSet { filters.append("dataSets.id:eq:\(dataSet)") }
    var page = try Self.page(1, filters, client)
    isOfAssigned = dataSet != nil && page.total > 0
    if dataSet != nil, !isOfAssigned {
      filters.removeLast()
      page = try Self.page(1, filters, client)
    }
    total = page.total
    // Leave out the last page, because it is shorter than the others.
    let pages = total / Self.pageSize
    if total > Self.pageSize, case let number = Int.random(in: 1...pages, using: &random), number > 1 {
      page = try Self.page(number, filters, client)
    }
    let wanted = Set(roots)
    picked = page.units.map(\.id).shuffled(using: &random)
    outside = Set(page.units.filter { !Self.isBelow(wanted, $0.path) }.map(\.id))
  }

  private static func isBelow(_ roots: Set<String>, _ path: String) -> Bool {
    path.split(separator: "/").contains { roots.contains(String($0)) }
  }

  private static func unit(_ json: JSONValue) -> (id: String, path: String)? {
    json["id"]?.string.map { ($0, json["path"]?.string ?? "/\($0)") }
  }

  private static func page(
    _ number: Int, _ filters: [String], _ client: DHIS2Client
  ) throws -> (total: Int, units: [(id: String, path: String)]) {
    var query = Query(["fields": "id,path", "order": "id:asc", "page": "\(number)", "pageSize": "\(pageSize)"])
    query.add("filter", filters)
    let target = query.target("/api/organisationUnits")
    let document = try client.json(target)
    guard let units = document["organisationUnits"]?.array, let total = document["pager"]?["total"]?.int,
      (0...mostUnits).contains(total)
    else {
      throw ServerError(client.server, target, .notDHIS2, "the answer has no organisation units, or no total of them")
    }
    return (total, units.compactMap { unit($0) })
  }
}

/// Random numbers that are the same for the same request (SplitMix64), so that an estimate can be repeated.
struct SeededOrder: RandomNumberGenerator {
  private var state: UInt64

  init(_ question: String) {
    state = question.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
