import D2Client
import D2Common
import D2Convert

/// The names and codes of a server's objects, read when first needed.
final class ServerNames: IDLookup {
  private let client: DHIS2Client
  /// By the collections' names in the Web API.
  private var kinds: [String: Kind] = [:]

  /// The objects of one kind.
  private struct Kind {
    var names: [String: String] = [:]
    /// The uids of the objects with a code or a name.
    var byCode: [String: [String]] = [:]
    var byName: [String: [String]] = [:]
  }

  /// With more names than this, a suggestion takes too long to compute.
  private static let mostCompared = 20_000

  init(_ client: DHIS2Client) { self.client = client }

  /// Reads all objects that names may refer to. So a server that fails does so before any value is written.
  ///
  /// - Throws: `ServerError`.
  func readAll() throws { for field in ValueField.allCases where field.isID { _ = try kind(field) } }

  func id(of text: String, _ field: ValueField) throws(LookupFault) -> String {
    let kind: Kind
    do { kind = try self.kind(field) } catch { throw LookupFault("\(error)") }
    if kind.names[text] != nil { return text }
    for (ids, what) in [(kind.byCode[text], "code"), (kind.byName[text], "name")] {
      guard let ids else { continue }
      guard ids.count == 1 else {
        throw LookupFault(
          "\(ids.count) \(Self.noun(field))s have the \(what) \(text.quoted): "
            + "\(ids.sorted().prefix(5).joined(separator: ", ")): write the id")
      }
      return ids[0]
    }
    throw LookupFault("no \(Self.noun(field)) is called \(text.quoted)\(Self.suggestion(text, kind))")
  }

  private static func suggestion(_ text: String, _ kind: Kind) -> String {
    guard kind.names.count <= mostCompared else { return "" }
    let known = Array(kind.byName.keys) + Array(kind.byCode.keys)
    // People usually type a part of a name.
    let part = known.filter { $0.lowercased().contains(text.lowercased()) }.min { $0.count < $1.count }
    guard let likely = part ?? Suggestion.nearest(to: text, among: known) else { return "" }
    return "; did you mean \(likely.quoted)?"
  }

  func name(of id: String, _ field: ValueField) -> String? { kinds[Self.plural(field)]?.names[id] }

  private func kind(_ field: ValueField) throws -> Kind {
    let plural = Self.plural(field)
    if let known = kinds[plural] { return known }
    var kind = Kind()
    for object in try MetadataPages(plural, fields: "id,name,code", client).all() {
      guard let id = object["id"]?.string else { continue }
      kind.names[id] = object["name"]?.string ?? ""
      if let name = object["name"]?.string { kind.byName[name, default: []].append(id) }
      if let code = object["code"]?.string, !code.isEmpty { kind.byCode[code, default: []].append(id) }
    }
    kinds[plural] = kind
    return kind
  }

  private static func plural(_ field: ValueField) -> String {
    switch field {
    case .dataElement: "dataElements"
    case .orgUnit: "organisationUnits"
    default: "categoryOptionCombos"
    }
  }

  private static func noun(_ field: ValueField) -> String {
    switch field {
    case .dataElement: "data element"
    case .orgUnit: "organisation unit"
    default: "category option combo"
    }
  }
}
