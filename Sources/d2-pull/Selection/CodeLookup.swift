import D2Client
import D2Common

/// Finds the objects whose codes or names were given instead of uids, for a message that says what to type.
struct CodeLookup {
  /// The meaning of a text, and the property that matched.
  struct Found {
    let text: String
    let uids: [String]
    /// `code` or `name`.
    let property: String
  }

  /// The most texts to look up, because each costs one or two requests.
  private static let most = 10

  /// Looks up texts that a server does not know as uids. If the server does not answer, the result is empty.
  ///
  /// - Parameter plural: the collection's name in the Web API.
  static func find(_ texts: [String], in plural: String, _ client: DHIS2Client) throws -> [Found] {
    var found: [Found] = []
    for text in texts.prefix(most) where isAskable(text) {
      for property in ["code", "name"] {
        do {
          let objects = try client.objects(in: plural, fields: "id", filter: "\(property):eq:\(text)")
          let uids = objects.compactMap { $0["id"]?.string }
          guard uids.isEmpty else {
            found.append(Found(text: text, uids: uids, property: property))
            break
          }
        } catch is ServerError {
          return found
        }
      }
    }
    return found
  }

  /// Whether a filter can contain the text. A filter splits its value at some characters, and there is no way to escape
  /// them.
  private static func isAskable(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 230 && !text.contains { "[]{}:".contains($0) }
  }
}
