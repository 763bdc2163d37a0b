import D2Common

/// What is posted of an organisation unit.
enum OrgUnitPayload {
  /// What a new unit gets of the source's. Groups, attributes, translations and pictures are other objects' business.
  private static let copied = [
    "id", "name", "shortName", "code", "description", "openingDate", "closedDate", "comment", "contactPerson",
    "address", "email", "phoneNumber", "url", "geometry",
  ]
  /// What an update takes from the source.
  private static let updated = ["name", "shortName", "code", "openingDate", "closedDate"]

  static let fields = copied.joined(separator: ",") + ",parent[id]"

  /// A new unit, as the source has it.
  ///
  /// - Parameter parent: below which unit.
  static func new(_ unit: JSONValue, parent: String?) -> JSONValue {
    var members = copied.compactMap { name in value(name, of: unit).map { JSONValue.Member(name, $0) } }
    if let parent { members.append(.init("parent", ["id": .string(parent)])) }
    return .object(members)
  }

  /// A unit of the destination with what the source has differently. An import replaces the whole object: what is not
  /// posted again (`:owner` of the destination) would be gone.
  static func changed(_ there: JSONValue, by unit: JSONValue, parent: String?) -> JSONValue {
    var changed = there
    for name in updated {
      let value = value(name, of: unit)
      if value != nil || name == "closedDate" { changed = changed.replacing(name, value) }
    }
    return parent.map { changed.replacing("parent", ["id": .string($0)]) } ?? changed
  }

  /// Days travel as days: with a time they would be one of the source's zone.
  private static func value(_ name: String, of unit: JSONValue) -> JSONValue? {
    guard let value = unit[name], value != .null else { return nil }
    guard ["openingDate", "closedDate"].contains(name), let text = value.string else { return value }
    return .string(String(text.prefix(10)))
  }
}

extension JSONValue {
  /// The object with one key replaced, or without it.
  func replacing(_ key: String, _ value: JSONValue?) -> JSONValue {
    let others = (members ?? []).filter { $0.key != key }
    return .object(others + (value.map { [.init(key, $0)] } ?? []))
  }
}
