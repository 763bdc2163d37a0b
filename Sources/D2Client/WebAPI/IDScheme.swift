import D2Common

/// DHIS2's id schemes: the property of an object that identifies it in data.
package enum IDScheme: Sendable, Equatable, CustomStringConvertible {
  case uid, code, name
  /// The value of a metadata attribute, given by the attribute's uid.
  case attribute(String)

  /// Parses the Web API's spelling: `UID`, `CODE`, `NAME` or `ATTRIBUTE:uid`. `nil` for anything else.
  package init?(_ text: String) {
    switch text.uppercased() {
    case "UID", "ID": self = .uid
    case "CODE": self = .code
    case "NAME": self = .name
    default:
      guard text.uppercased().hasPrefix("ATTRIBUTE:"), UID.canBe(String(text.dropFirst(10))) else { return nil }
      self = .attribute(String(text.dropFirst(10)))
    }
  }

  /// The scheme for one kind of object in a request's parameters: its own (`dataSetIdScheme`), or else the general one.
  /// The server refuses unknown schemes itself.
  ///
  /// - Parameter all: the parameter for all kinds.
  package init(of parameter: String, all: String = "idScheme", in parameters: [(name: String, value: String)]) {
    let named = [parameter, all].lazy.compactMap { name in parameters.first { $0.name == name }?.value }.first
    self = named.flatMap { IDScheme($0) } ?? .uid
  }

  /// The fields to request from the metadata API, besides `id`.
  package var fields: String {
    switch self {
    case .uid: "id"
    case .code: "id,code"
    case .name: "id,name"
    case .attribute: "id,attributeValues[value,attribute[id]]"
    }
  }

  /// An object's id in this scheme; `nil` if it has no such id.
  package func id(of object: JSONValue) -> String? {
    switch self {
    case .uid: object["id"]?.string
    case .code: object["code"]?.string
    case .name: object["name"]?.string
    case .attribute(let uid):
      object["attributeValues"]?.array?.first { $0["attribute"]?["id"]?.string == uid }?["value"]?.scalarText
    }
  }

  package var description: String {
    switch self {
    case .uid: "uid"
    case .code: "code"
    case .name: "name"
    case .attribute(let uid): "value of the attribute \(uid)"
    }
  }
}
