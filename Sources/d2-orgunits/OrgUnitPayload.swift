import D2Common

/// What is posted of an organisation unit.
enum OrgUnitPayload {
  /// What a new unit gets of the source's. Groups, attributes, translations and pictures are other objects' business.
  private static let copied = [
    "id", "name", "shortName", "code", "description", "openingDate", "closedDate", "comment", "contactPerson",
    "address",
    "email", "phoneNumber", "url", "geometry",
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
    var members = there.members ?? []
    func set(_ name: String, _ value: JSONValue?) {
      members.removeAll { $0.key == name }
      if let value { members.append(.init(name, value)) }
    }
    for name in updated where name == "closedDate" || value(name, of: unit) != nil { set(name, value(name, of: unit)) }
    if let parent { set("parent", ["id": .string(parent)]) }
    return .object(members)
  }

  /// Days travel as days: with a time they would be one of the source's zone.
  private static func value(_ name: String, of unit: JSONValue) -> JSONValue? {
    guard let value = unit[name], value != .null else { return nil }
    guard ["openingDate", "closedDate"].contains(name), let text = value.string else { return value }
    return .string(String(text.prefix(10)))
  }
}
