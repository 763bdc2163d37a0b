import D2Client
import D2Common

/// Lists a server's objects, for users who do not know the ids yet: `d2-datasets list --url …`.
package struct ServerListing {
  package static let search = Option(
    "--search", value: "TEXT", help: "List only those whose name contains this text, in upper or lower case.")

  /// The options for a server instead of a pair.
  package static let groups = [ServerOptions.group(.source), ServerOptions.transport]

  /// The collection's name in the Web API: `dataSets`.
  private let plural: String
  private let fields: [String]
  private let filters: [String]

  /// - Parameter filters: in the Web API's form (`level:eq:3`).
  package init(_ plural: String, fields: [String], filters: [String] = []) {
    self.plural = plural
    self.fields = fields
    self.filters = filters
  }

  /// Whether a command line names a server.
  ///
  /// - Throws: `CommandFailure`, 64 if it names a pair too, or neither.
  package static func isWanted(_ arguments: Arguments) throws(CommandFailure) -> Bool {
    let (byPair, byURL) = (arguments.has(PairOptions.pair), arguments.has(ServerOptions.address))
    try CommandFailure.require(!byPair || !byURL, "give either --pair or --url, not both")
    try CommandFailure.require(byPair || byURL, "say where to look: --pair (d2-pairs list shows them) or --url")
    return byURL
  }

  /// Whether a name contains the search text.
  package static func matches(_ name: String, _ arguments: Arguments) -> Bool {
    arguments[search].map { name.lowercased().contains($0.lowercased()) } ?? true
  }

  /// - Throws: `ServerError`; `CommandFailure`.
  package func run(_ arguments: Arguments, _ log: Log) throws -> ExitStatus {
    let client = DHIS2Client(try ServerOptions(arguments, log, side: .source), log)
    let objects = try MetadataPages(
      plural, fields: fields.joined(separator: ","), filters: filters + serverFilter(arguments), client
    ).all()
    let found = objects.filter { Self.matches($0["name"]?.string ?? "", arguments) }
    var listing = Listing(arguments, columns: fields)
    let sorted = found.sorted { ($0["name"]?.string ?? "") < ($1["name"]?.string ?? "") }
    for object in sorted {
      try listing.add(.object(fields.compactMap { key in object[key].map { .init(key, $0) } }))
    }
    try listing.finish()
    if found.isEmpty {
      let all = arguments[Self.search] == nil ? "" : " with such a name"
      log.warning("\(client.server) shows this user nothing\(all)")
    }
    return .success
  }

  /// A filter for the server too, if the text has no characters that would end it.
  private func serverFilter(_ arguments: Arguments) -> [String] {
    guard let text = arguments[Self.search], text.allSatisfy({ $0.isLetter || $0.isNumber || $0 == " " }) else {
      return []
    }
    return ["name:ilike:\(text)"]
  }
}
