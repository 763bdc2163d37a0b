import D2Client
import D2Common

/// A level of the hierarchy, by its number or by its name on the server.
package enum OrgUnitLevel {
  /// - Parameter option: the text before it, for messages: `--level `.
  /// - Throws: `CommandFailure`, 64 if there is no such level; `ServerError`.
  package static func find(_ text: String, option: String, _ client: DHIS2Client) throws -> Int {
    if let number = Int(text) {
      guard (1...100).contains(number) else { throw CommandFailure(.usage, "\(option)\(number): levels begin with 1") }
      return number
    }
    let levels = try named(client)
    let matches = levels.filter { $0["name"]?.string?.lowercased() == text.lowercased() }
    if matches.count == 1, let number = matches[0]["level"]?.int { return number }
    throw CommandFailure(
      .usage,
      "\(option)\(text.quoted): \(matches.isEmpty ? "no level" : "several levels") of this name at \(client.server): "
        + shown(levels))
  }

  /// The levels with names: `1 Country, 2 Region`.
  package static func all(_ client: DHIS2Client) throws -> String { shown(try named(client)) }

  private static func named(_ client: DHIS2Client) throws -> [JSONValue] {
    try MetadataPages("organisationUnitLevels", fields: "id,name,level", client).all()
  }

  private static func shown(_ levels: [JSONValue]) -> String {
    levels.map { "\($0["level"]?.int ?? 0) \($0["name"]?.string ?? "")" }.sorted().joined(separator: ", ")
  }
}
