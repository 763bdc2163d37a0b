/// The property of an object that identifies it.
enum IdScheme: Sendable, Equatable {
  case uid
  case code
  case name
  /// An attribute; the stand-in's objects have no attributes.
  case attribute

  init(_ text: String) {
    switch text.uppercased() {
    case "CODE": self = .code
    case "NAME": self = .name
    case "UID", "ID": self = .uid
    default: self = .attribute
    }
  }

  var name: String {
    switch self {
    case .uid: "UID"
    case .code: "CODE"
    case .name: "NAME"
    case .attribute: "ATTRIBUTE"
    }
  }

  func id(uid: String, code: String?, name: String) -> String? {
    switch self {
    case .uid: uid
    case .code: code
    case .name: name
    case .attribute: nil
    }
  }
}

/// Finds objects by an id in a scheme.
struct IdLookup: Sendable {
  private let byId: [String: Int]

  init(_ scheme: IdScheme, uids: [String: Int], _ objects: some Collection<(code: String?, name: String)>) {
    switch scheme {
    case .uid: byId = uids
    case .attribute: byId = [:]
    case .code, .name:
      var found: [String: Int] = [:]
      for (position, object) in objects.enumerated() {
        if let id = scheme == .code ? object.code : object.name { found[id] = found[id] ?? position }
      }
      byId = found
    }
  }

  subscript(id: String) -> Int? { byId[id] }

  /// Whether a text could be a uid: eleven letters and digits, a letter first.
  static func isUid(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 11, isLetter(bytes[0]) else { return false }
    return bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
}

extension Metadata {
  func dataElements(by scheme: IdScheme) -> IdLookup {
    IdLookup(scheme, uids: dataElementByUid, dataElements.lazy.map { ($0.code, $0.name) })
  }
  func organisationUnits(by scheme: IdScheme) -> IdLookup {
    IdLookup(scheme, uids: organisationUnitByUid, organisationUnits.lazy.map { ($0.code, $0.name) })
  }
  func categoryOptionCombos(by scheme: IdScheme) -> IdLookup {
    IdLookup(scheme, uids: categoryOptionComboByUid, categoryOptionCombos.lazy.map { ($0.code, $0.name) })
  }
  func dataSets(by scheme: IdScheme) -> IdLookup {
    IdLookup(scheme, uids: dataSetByUid, dataSets.lazy.map { ($0.code, $0.name) })
  }
  func organisationUnitGroups(by scheme: IdScheme) -> IdLookup {
    IdLookup(scheme, uids: organisationUnitGroupByUid, organisationUnitGroups.lazy.map { ($0.code, $0.name) })
  }
  func dataElementGroups(by scheme: IdScheme) -> IdLookup {
    IdLookup(scheme, uids: dataElementGroupByUid, dataElementGroups.lazy.map { ($0.code, $0.name) })
  }
}
