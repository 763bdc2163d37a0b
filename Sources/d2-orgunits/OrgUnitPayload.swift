import D2Common

/// Makes the JSON of an organisation unit to post.
enum OrgUnitPayload {
  /// The properties that a new unit gets from the source. Groups, translations and pictures belong to other objects.
  private static let copied = [
    "id", "name", "shortName", "code", "description", "openingDate", "closedDate", "comment", "contactPerson",
    "address", "email", "phoneNumber", "url", "geometry",
  ]
  /// The properties that an update takes from the source.
  private static let updated = ["name", "shortName", "code", "openingDate", "closedDate"]

  static let fields = copied.joined(separator: ",") + ",parent[id],\(attributeValues)[value,attribute[id]]"

  private static let attributeValues = "attributeValues"

  /// A new unit with the source's properties.
  ///
  /// - Parameters:
  ///   - parent: the uid of its parent.
  ///   - attributes: the uids of the destination's attributes. A value of another attribute would be refused (E5002).
  static func new(_ unit: JSONValue, parent: String?, attributes: Set<String>) -> JSONValue {
    var members = copied.compactMap { name in value(name, of: unit).map { JSONValue.Member(name, $0) } }
    if let parent { members.append(.init("parent", ["id": .string(parent)])) }
    let values = values(of: unit, attributes)
    if !values.isEmpty { members.append(.init(attributeValues, .array(values))) }
    return .object(members)
  }

  /// The values that a unit has of some attributes.
  private static func values(of unit: JSONValue, _ attributes: Set<String>) -> [JSONValue] {
    (unit[attributeValues]?.array ?? []).compactMap { entry in
      guard let uid = entry["attribute"]?["id"]?.string, attributes.contains(uid), let value = entry["value"] else {
        return nil
      }
      return ["value": value, "attribute": ["id": .string(uid)]]
    }
  }

  /// A unit of the destination with the source's changes. An import replaces the whole object, so all properties that
  /// the destination owns (`:owner`) are posted again.
  static func changed(_ there: JSONValue, by unit: JSONValue, parent: String?) -> JSONValue {
    var changed = kept(there)
    for name in updated {
      let value = value(name, of: unit)
      if value != nil || name == "closedDate" { changed = changed.replacing(name, value) }
    }
    return parent.map { changed.replacing("parent", ["id": .string($0)]) } ?? changed
  }

  /// A unit of the destination as an update posts it if nothing changes. It has no translations: an import leaves those
  /// of the server alone (`skipTranslation=true`), but refuses the unit if posted ones are invalid (E1106, E4000).
  static func kept(_ there: JSONValue) -> JSONValue { there.replacing("translations", nil) }

  // MARK: Optional fields

  /// The optional fields that the reasons of a refusal are about; `nil` if one of them is about anything else.
  static func optionalFields(_ reasons: [String]) -> Set<String>? {
    var fields: Set<String> = []
    for reason in reasons {
      guard let field = optionalField(reason) else { return nil }
      fields.insert(field)
    }
    return fields
  }

  private static func optionalField(_ reason: String) -> String? {
    switch String(reason.prefix { $0 != " " }) {
    case "E4003": "email"
    case "E4004": "url"
    // The value is not unique, or not of the attribute's type. The report does not always name the attribute.
    case "E4009", "E6004"..."E6021": attributeValues
    default: nil
    }
  }

  /// A unit without some optional fields. It keeps the values of mandatory attributes.
  static func omitting(_ fields: Set<String>, from unit: JSONValue, mandatory: Set<String>) -> JSONValue {
    fields.sorted().reduce(unit) { unit, field in
      let kept = field == attributeValues ? values(of: unit, mandatory) : []
      return unit.replacing(field, kept.isEmpty ? nil : .array(kept))
    }
  }

  /// A property of the source. Dates are sent without a time, because a time would be in the source's zone.
  private static func value(_ name: String, of unit: JSONValue) -> JSONValue? {
    guard let value = unit[name], value != .null else { return nil }
    guard ["openingDate", "closedDate"].contains(name), let text = value.string else { return value }
    return .string(String(text.prefix(10)))
  }
}

/// The destination's attributes of organisation units.
struct UnitAttributes {
  /// The uids of all.
  private(set) var all: Set<String> = []
  /// The uids of those that each unit must have a value of.
  private(set) var mandatory: Set<String> = []

  init() {}

  /// - Parameter objects: from `/api/attributes`, with `id` and `mandatory`.
  init(_ objects: [JSONValue]) {
    for object in objects {
      guard let uid = object["id"]?.string else { continue }
      all.insert(uid)
      if object["mandatory"]?.bool == true { mandatory.insert(uid) }
    }
  }

  /// The attributes that a unit of the source has values of, and the destination lacks.
  func lacking(of unit: JSONValue) -> [String] {
    (unit["attributeValues"]?.array ?? []).compactMap { $0["attribute"]?["id"]?.string }.filter { !all.contains($0) }
  }
}

extension JSONValue {
  /// The object with one key replaced or removed.
  func replacing(_ key: String, _ value: JSONValue?) -> JSONValue {
    let others = (members ?? []).filter { $0.key != key }
    return .object(others + (value.map { [.init(key, $0)] } ?? []))
  }
}
