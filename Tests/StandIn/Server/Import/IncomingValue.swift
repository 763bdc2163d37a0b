import D2Common

/// One posted element of `dataValues`.
struct IncomingValue: Sendable {
  var dataElement: String?
  var period: String?
  var orgUnit: String?
  var categoryOptionCombo: String?
  var attributeOptionCombo: String?
  var value: String?
  var comment: String?
  /// 2.42 and older read `followup`; 2.43 reads `followUp`.
  var followUp: Bool?
  var deleted: Bool?
  var storedBy: String?
  var created: String?
  var lastUpdated: String?
  /// A value that is not a text: its key, its kind in the words of 2.43's parser, and its spelling.
  var oddValue: (key: String, kind: String, spelling: String)?
  /// Whether `deleted` or the follow-up flag is a text other than true or false, which no version accepts. From 2.43 on
  /// a flag may not be a text at all (`JsonBoolean.bool`).
  var hasOddFlag = false
  /// Category options by category, if a combo is an object (from 2.43 on).
  var categoryOptions: [JSONValue.Member]?
  var attributeOptions: [JSONValue.Member]?

  init() {}

  /// Parses an object like servers from 2.43 on.
  init(_ object: JSONValue, _ version: ServerVersion) {
    for member in object.members ?? [] { take(ValueScanner.Field(member.key), member.value, version) }
  }

  /// Reads one key of the posted object.
  mutating func take(_ field: ValueScanner.Field, _ json: JSONValue, _ version: ServerVersion) {
    var text = json.scalarText
    // Up to 2.42 an empty text counts as missing (`EmptyStringToNullStdDeserializer`).
    if !version.hasDataEntryPipeline, text == "" { text = nil }
    switch field {
    case .dataElement:
      dataElement = text
      note("dataElement", json)
    case .period:
      period = text
      note("period", json)
    case .orgUnit:
      orgUnit = text
      note("orgUnit", json)
    case .categoryOptionCombo:
      categoryOptionCombo = text
      categoryOptions = json.members
    case .attributeOptionCombo:
      attributeOptionCombo = text
      attributeOptions = json.members
    case .value:
      value = text
      note("value", json)
    case .comment:
      comment = text
      note("comment", json)
    case .followup: if !version.hasDataEntryPipeline { followUp = flag(json, version) }
    case .followUp: if version.hasDataEntryPipeline { followUp = flag(json, version) }
    case .deleted: deleted = flag(json, version)
    case .storedBy: storedBy = text
    case .created: created = text
    case .lastUpdated: lastUpdated = text
    case .other: break
    }
  }

  private mutating func flag(_ json: JSONValue, _ version: ServerVersion) -> Bool? {
    if let text = json.string, version.hasDataEntryPipeline || !["true", "false", ""].contains(text) {
      hasOddFlag = true
    }
    return json.bool
  }

  private mutating func note(_ key: String, _ json: JSONValue) {
    switch json {
    case .number(let spelling): oddValue = (key, "NUMBER", spelling)
    case .bool(let flag): oddValue = (key, "BOOLEAN", flag ? "true" : "false")
    case .object: oddValue = (key, "OBJECT", IncomingValue.spaced(json))
    case .array: oddValue = (key, "ARRAY", IncomingValue.spaced(json))
    case .string, .null: break
    }
  }

  /// JSON with spaces after colons and commas, as clients usually write it and the parser quotes it.
  private static func spaced(_ json: JSONValue) -> String {
    switch json {
    case .object(let members):
      "{" + members.map { JSONValue.string($0.key).jackson + ": " + spaced($0.value) }.joined(separator: ", ") + "}"
    case .array(let elements): "[" + elements.map(spaced).joined(separator: ", ") + "]"
    default: json.jackson
    }
  }

  /// 2.43's description of a value in messages.
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

  /// - Throws: `NestedValueReader.Damage`, if a server up to 2.42 cannot recover its position.
  init(_ document: JSONValue, _ version: ServerVersion) throws(NestedValueReader.Damage) {
    header = .object((document.members ?? []).filter { $0.key != "dataValues" })
    values = []
    let objects = document["dataValues"]?.array ?? []
    if version.hasDataEntryPipeline {
      values = objects.map { IncomingValue($0, version) }
    } else {
      (values, header) = try NestedValueReader.read(objects, header: header, version)
    }
  }

  func text(_ key: String) -> String? { header[key]?.scalarText }
}
