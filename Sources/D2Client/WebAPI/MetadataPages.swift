import D2Common

/// Lists of metadata, page by page: 100,000 organisation units do not fit one answer that a slow link would survive.
package struct MetadataPages: Sendable {
  private let client: DHIS2Client
  /// The collection's name in the Web API: `organisationUnits`.
  private let plural: String
  private let fields: String
  private let filters: [String]
  private let pageSize: Int

  /// - Parameter filters: as the Web API takes them (`level:eq:3`), all of which must hold.
  package init(_ plural: String, fields: String, filters: [String] = [], pageSize: Int = 5000, _ client: DHIS2Client) {
    self.client = client
    self.plural = plural
    self.fields = fields
    self.filters = filters
    self.pageSize = pageSize
  }

  /// How often a list that changes while it is read is read again.
  private static let mostReadings = 3

  /// Reads all pages.
  ///
  /// An object that is added or removed meanwhile shifts the others over the pages' borders, and one may be left out.
  /// Then the server's count differs from the one before, or from what came, and everything is read again.
  ///
  /// - Parameters:
  ///   - begin: called before the first page, each time.
  ///   - page: takes the objects of a page and returns how many of them were not seen before.
  /// - Throws: `ServerError`, `CommandFailure`, or what the closures threw.
  package func read(begin: () throws -> Void, page: ([JSONValue]) throws -> Int) throws {
    var last: Reading?
    for number in 1... {
      try begin()
      let reading = try readOnce(page)
      guard let total = reading.total, reading.hasShifted || reading.seen != total else { return }
      let outcome = "\(reading.seen) different \(plural) came, but the server counts \(total)"
      if !reading.hasShifted, last == reading {
        // Steady: the server counts what it does not show to this user.
        client.log.debug("\(outcome), twice")
        return
      }
      guard number < Self.mostReadings else {
        let change = reading.hasShifted ? "; their number changed meanwhile, each time" : ""
        throw ServerError(client.server, query(page: 1), .disagreement, outcome + change)
      }
      client.log.info("\(outcome)\(reading.hasShifted ? "; their number changed meanwhile" : ""): reading them again")
      last = reading
    }
  }

  /// All of them in memory, for lists that are short.
  package func all() throws -> [JSONValue] {
    var objects: [JSONValue] = []
    var seen: Set<String> = []
    try read {
      objects = []
      seen = []
    } page: { page in
      let new = page.filter { seen.insert($0["id"]?.string ?? "").inserted }
      objects += new
      return new.count
    }
    return objects
  }

  /// What one reading of all pages brought.
  private struct Reading: Equatable {
    var seen = 0
    /// By the last page; `nil` if the server does not page.
    var total: Int?
    /// Whether pages named different totals.
    var hasShifted = false
  }

  private func readOnce(_ page: ([JSONValue]) throws -> Int) throws -> Reading {
    var reading = Reading()
    for number in 1... {
      try Signals.check()
      let target = query(page: number)
      let answer = try client.json(target)
      guard let objects = answer[plural]?.array else {
        throw ServerError(client.server, target, .notDHIS2, "the answer has no \(plural)")
      }
      reading.seen += try page(objects)
      // A server that does not page has told all; one that does says how many there are (its nextPage may carry a wrong
      // address).
      let pager = answer["pager"]
      let total = pager?["total"]?.int
      reading.hasShifted = reading.hasShifted || number > 1 && total != reading.total
      reading.total = total
      guard let pager, number < pager["pageCount"]?.int ?? 1, !objects.isEmpty else { break }
    }
    return reading
  }

  private func query(page: Int) -> String {
    var query = Query(["fields": fields])
    query.add("filter", filters)
    query.add("order", "id:asc")
    query.add("page", String(page))
    query.add("pageSize", String(pageSize))
    return query.target("/api/\(plural)")
  }
}
