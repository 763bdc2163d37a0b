import D2Client
import D2Common

/// Which objects codes and names mean that stand where a uid is wanted: for a message that says what to type.
struct CodeLookup {
  /// What a text means, and by what it was found.
  struct Found {
    let text: String
    let uids: [String]
    /// `code` or `name`.
    let property: String
  }

  /// At most so many texts are looked up: each costs one or two requests.
  private static let most = 10

  /// Looks up what a server does not know as a uid. Where it cannot be asked, nothing is found.
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

  /// A filter cuts its value at some of these, and there is no way to write them otherwise.
  private static func isAskable(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 230 && !text.contains { "[]{}:".contains($0) }
  }
}
