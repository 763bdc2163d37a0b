import D2Common

/// One element of `dataValues` as it was posted.
struct IncomingValue: Sendable {
  var dataElement: String?
  var period: String?
  var orgUnit: String?
  var categoryOptionCombo: String?
  var attributeOptionCombo: String?
  var value: String?
  var comment: String?
  /// 2.42 and older read `followup`, 2.43 reads `followUp`.
  var followUp: Bool?
  var deleted: Bool?
  var storedBy: String?
  var created: String?
  var lastUpdated: String?
  /// A `value` that is not a string: what it is in the words of 2.43's parser, with its spelling.
  var oddValue: (kind: String, spelling: String)?

  init() {}

  init(_ object: JSONValue, _ version: ServerVersion) {
    for member in object.members ?? [] { take(ValueScanner.Field(member.key), member.value, version) }
  }

  /// Takes one key of the posted object.
  mutating func take(_ field: ValueScanner.Field, _ json: JSONValue, _ version: ServerVersion) {
    let text = json.scalarText
    switch field {
    case .dataElement: dataElement = text
    case .period: period = text
    case .orgUnit: orgUnit = text
    case .categoryOptionCombo: categoryOptionCombo = text
    case .attributeOptionCombo: attributeOptionCombo = text
    case .value: read(value: json)
    case .comment: comment = text
    case .followup: if !version.hasDataEntryPipeline { followUp = json.bool }
    case .followUp: if version.hasDataEntryPipeline { followUp = json.bool }
    case .deleted: deleted = json.bool
    case .storedBy: storedBy = text
    case .created: created = text
    case .lastUpdated: lastUpdated = text
    case .other: break
    }
  }

  private mutating func read(value json: JSONValue) {
    value = json.scalarText
    switch json {
    case .number(let spelling): oddValue = ("NUMBER", spelling)
    case .bool(let flag): oddValue = ("BOOLEAN", flag ? "true" : "false")
    case .object: oddValue = ("OBJECT", IncomingValue.spaced(json))
    case .array: oddValue = ("ARRAY", IncomingValue.spaced(json))
    case .string, .null: break
    }
  }

  /// JSON with spaces after colons and commas, as clients usually write it and the parser quotes it.
  private static func spaced(_ json: JSONValue) -> String {
    switch json {
    case .object(let members):
      "{" + members.map { JSONValue.string($0.key).text + ": " + spaced($0.value) }.joined(separator: ", ") + "}"
    case .array(let elements): "[" + elements.map(spaced).joined(separator: ", ") + "]"
    default: json.text
    }
  }

  /// How 2.43 describes a value in its messages.
  var description: String {
    func text(_ value: String?) -> String { value ?? "null" }
    func flag(_ value: Bool?) -> String { value.map { $0 ? "true" : "false" } ?? "null" }
    return "Input[dataElement=\(text(dataElement)), orgUnit=\(text(orgUnit)), "
      + "categoryOptionCombo=\(text(categoryOptionCombo)), categoryOptions=null, "
      + "attributeOptionCombo=\(text(attributeOptionCombo)), attributeCombo=null, attributeOptions=null, "
      + "period=\(text(period)), value=\(text(value)), comment=\(text(comment)), followUp=\(flag(followUp)), "
      + "deleted=\(flag(deleted))]"
  }
}

/// A posted data value set: the header and the values.
struct IncomingSet: Sendable {
  var header: JSONValue
  var values: [IncomingValue]

  init(header: JSONValue, values: [IncomingValue]) {
    self.header = header
    self.values = values
  }

  init(_ document: JSONValue, _ version: ServerVersion) {
    header = .object((document.members ?? []).filter { $0.key != "dataValues" })
    values = []
    for object in document["dataValues"]?.array ?? [] {
      values.append(IncomingValue(object, version))
      // Older servers' reader takes the end of a nested object for the end of the value: one more value, of nothing.
      if !version.hasDataEntryPipeline, values.last?.oddValue?.kind == "OBJECT" { values.append(IncomingValue()) }
    }
  }

  func text(_ key: String) -> String? { header[key]?.scalarText }
}
