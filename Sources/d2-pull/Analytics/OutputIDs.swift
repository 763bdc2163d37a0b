import D2Client
import D2Common

/// What the uids of an answer become in the output, if it has another id scheme. Ids without an entry stay as they are:
/// those of reporting rates, and the data elements that a program indicator names for its export.
struct OutputIDs: Sendable {
  /// The JSON text of each id, without quotes, by its uid.
  private var dataElements: [[UInt8]: [UInt8]] = [:]
  private var orgUnits: [[UInt8]: [UInt8]] = [:]

  mutating func add(dataItems objects: [JSONValue], _ scheme: IDScheme) { Self.add(objects, scheme, to: &dataElements) }

  mutating func add(orgUnits objects: [JSONValue], _ scheme: IDScheme) { Self.add(objects, scheme, to: &orgUnits) }

  private static func add(_ objects: [JSONValue], _ scheme: IDScheme, to table: inout [[UInt8]: [UInt8]]) {
    guard scheme != .uid else { return }
    for object in objects {
      guard let uid = object["id"]?.string, let id = scheme.id(of: object) else { continue }
      table[Array(uid.utf8)] = Array(JSONValue.string(id).text.utf8.dropFirst().dropLast())
    }
  }

  /// The id that replaces the uid in a value; `nil` if the uid stays.
  func replacement(of key: DataValueLine.Key, _ uid: ArraySlice<UInt8>) -> [UInt8]? {
    switch key {
    case .dataElement: dataElements.isEmpty ? nil : dataElements[Array(uid)]
    case .orgUnit: orgUnits.isEmpty ? nil : orgUnits[Array(uid)]
    default: nil
    }
  }
}
