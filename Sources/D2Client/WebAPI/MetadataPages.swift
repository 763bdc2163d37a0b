import D2Common

/// Reads lists of metadata page by page, because one answer with 100,000 organisation units would not survive a slow
/// link.
package struct MetadataPages: Sendable {
  private let client: DHIS2Client
  /// The collection's name in the Web API: `organisationUnits`.
  private let plural: String
  private let fields: String
  private let filters: [String]
  private let pageSize: Int

  /// - Parameter filters: in the Web API's form (`level:eq:3`); all of them must match.
  package init(_ plural: String, fields: String, filters: [String] = [], pageSize: Int = 5000, _ client: DHIS2Client) {
    self.client = client
    self.plural = plural
    self.fields = fields
    self.filters = filters
    self.pageSize = pageSize
  }

  /// How often to read a list again if it changes meanwhile.
  private static let mostReadings = 3

  /// Reads all pages.
  ///
  /// If an object is added or removed meanwhile, others move across the pages' borders, and one may be missing. Then
  /// the server's count differs from the previous one, or from the number of objects, and it reads everything again.
  ///
  /// - Parameters:
  ///   - begin: called before the first page of each reading.
  ///   - page: gets the objects of a page, and returns how many of them are new.
  /// - Throws: `ServerError`, `CommandFailure`, or errors of the closures.
  package func read(begin: () throws -> Void, page: ([JSONValue]) throws -> Int) throws {
    var last: Reading?
    for number in 1... {
      try begin()
      let reading = try readOnce(page)
      guard let total = reading.total, reading.hasShifted || reading.seen != total else { return }
      let outcome = "\(reading.seen) different \(plural) came, but the server counts \(total)"
      if !reading.hasShifted, last == reading {
        // The result is stable: the server also counts objects that it does not show to this user.
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

  /// Reads all objects into memory, for short lists.
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

  /// The result of reading all pages once.
  private struct Reading: Equatable {
    var seen = 0
    /// The total on the last page; `nil` if the server does not page.
    var total: Int?
    /// Whether pages had different totals.
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
      // A server that does not page has sent everything. Use the total, because nextPage may contain a wrong address.
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
