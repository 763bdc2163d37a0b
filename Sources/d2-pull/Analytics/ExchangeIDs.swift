import D2Client
import D2Common

/// Finds the uids of the objects that an exchange names in its input id scheme.
struct ExchangeIDs {
  let scheme: IDScheme
  let client: DHIS2Client

  /// The uids for the texts that name an object of one kind, if the user may see it.
  ///
  /// Codes and names may contain characters that a filter of the Web API does not support. So this reads the whole list
  /// and compares.
  ///
  /// - Parameter plural: the collection's name in the Web API.
  /// - Throws: `ServerError`.
  func uids(_ texts: [String], in plural: String) throws -> [String: String] {
    guard !texts.isEmpty else { return [:] }
    if scheme == .uid {
      return Dictionary(uniqueKeysWithValues: try KnownIDs(texts.unique, in: plural, client).ids.map { ($0, $0) })
    }
    let wanted = Set(texts)
    var found: [String: String] = [:]
    try MetadataPages(plural, fields: scheme.fields, client).read {
      found = [:]
    } page: { page in
      for object in page {
        guard let text = scheme.id(of: object), wanted.contains(text), let uid = object["id"]?.string else { continue }
        found[text] = uid
      }
      return page.count
    }
    return found
  }

  /// The uid for each text. An unknown text stays as it is, so that d2-pull reports it.
  func resolved(_ texts: [String], in plural: String) throws -> [String] {
    guard scheme != .uid else { return texts }
    let found = try uids(texts, in: plural)
    return texts.map { found[$0] ?? $0 }
  }
}
