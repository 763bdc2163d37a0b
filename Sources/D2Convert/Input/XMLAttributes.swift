import D2Common
import Glibc

/// Iterates over the attributes of an element, in expat's representation.
///
/// - Parameter handle: gets each name, its text and its index.
@inline(__always)
func forEachAttribute(
  _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>,
  _ handle: (_ name: UnsafePointer<CChar>, _ text: UnsafePointer<CChar>, _ place: Int) throws -> Void
) rethrows {
  var place = 0
  while let name = attributes[2 * place], let text = attributes[2 * place + 1] {
    try handle(name, text, place)
    place += 1
  }
}

/// Fills a record from attributes.
final class XMLRecord {
  let record = ValueRecord()
  /// The last ADX period and its id. Many consecutive values have the same one.
  private var lastPeriod: (text: [UInt8], id: KeptBytes)?

  func begin(_ parser: XMLParser) {
    record.clear()
    record.place = parser.place
  }

  /// Sets a field to the text of an attribute, which must stay valid until the record was taken. It ignores an empty
  /// text, because DHIS2 up to 2.42 writes all attributes, even empty ones.
  @inline(__always)
  func set(_ field: ValueField, _ text: UnsafePointer<UInt8>, _ length: Int, _ parser: XMLParser) throws {
    guard length > 0 else { return }
    let cell = Cell(form: .text, start: text, count: length)
    if field == .period, memchr(text, CInt(UInt8(ascii: "/")), length) != nil {
      // If the period occurs twice, the record still needs the bytes of the first one.
      let first = lastPeriod?.id
      try withExtendedLifetime(first) { try set(field, try period(cell, parser), parser) }
    } else {
      try set(field, cell, parser)
    }
  }

  @inline(__always)
  private func set(_ field: ValueField, _ cell: Cell, _ parser: XMLParser) throws {
    let old = record[field]
    guard old.form == .absent || old.bytes.elementsEqual(cell.bytes) else {
      throw parser.malformed("the attribute \(field.key.quoted) repeats something with another value")
    }
    record[field] = cell
  }

  private func period(_ cell: Cell, _ parser: XMLParser) throws -> Cell {
    if let lastPeriod, lastPeriod.text.elementsEqual(cell.bytes) { return lastPeriod.id.cell }
    let id = KeptBytes(try parser.id(ofPeriod: String(decoding: cell.bytes, as: UTF8.self)).utf8)
    lastPeriod = (Array(cell.bytes), id)
    return id.cell
  }
}

extension XMLParser {
  /// DHIS2's id of a period in any form. 2.43 writes ADX's form at the top of dxf 2.0, but cannot read it there.
  func id(ofPeriod text: String) throws -> String {
    guard text.contains("/") else { return text }
    do throws(ADXPeriod.Fault) { return try ADXPeriod.id(of: text) } catch { throw malformed(error.problem) }
  }
}

/// Categories and their options, as a JSON object.
struct OptionObject: ~Copyable {
  private(set) var json = ByteArray()

  var isEmpty: Bool { json.isEmpty }

  mutating func removeAll() { json.removeAll() }

  mutating func append(_ category: UnsafePointer<CChar>, _ option: UnsafePointer<CChar>) {
    json.append(UInt8(ascii: json.isEmpty ? "{" : ","))
    append(category)
    json.append(UInt8(ascii: ":"))
    append(option)
  }

  /// Ends the object after all categories.
  mutating func close() { if !json.isEmpty { json.append(UInt8(ascii: "}")) } }

  private mutating func append(_ text: UnsafePointer<CChar>) {
    json.append(UInt8(ascii: "\""))
    TextBytes.appendJSON(UnsafeRawBufferPointer(start: text, count: strlen(text)), to: &json)
    json.append(UInt8(ascii: "\""))
  }
}

/// Collects the attributes at the top of a document.
struct HeaderAttributes: ~Copyable {
  private(set) var header = DocumentHeader()
  private var options = OptionObject()

  /// - Parameters:
  ///   - isADX: whether unknown attributes are categories.
  /// - Throws: `CommandFailure`, 65 for an unknown attribute, or one that occurs twice.
  init(
    _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, isADX: Bool, _ names: FieldNames, _ parser: XMLParser
  ) throws {
    try forEachAttribute(attributes) { name, text, _ in
      let full = String(cString: name)
      let value = String(cString: text)
      guard !XMLName.isForReaders(full), names.meaning(of: XMLName.local(full)) != .ignored else { return }
      if isADX {
        try noteADX(XMLName.local(name), text, value, names, parser)
      } else if !value.isEmpty {
        try noteDXF(XMLName.local(full), value, names, parser)
      }
    }
    options.close()
    guard !options.isEmpty else { return }
    guard header.members[.attributeOptionCombo] == nil else {
      throw parser.malformed("both attributeOptionCombo and categories say what the attribute option combo is")
    }
    header.members[.attributeOptionCombo] = Array(options.json.bytes)
  }

  private mutating func noteDXF(_ name: String, _ value: String, _ names: FieldNames, _ parser: XMLParser) throws {
    if name == "completeDate" {
      header.completeDate = value
    } else if name == "idScheme" || name.hasSuffix("IdScheme") {
      header.idSchemes.append((name, value))
    } else if case .field(let field) = names.meaning(of: name) {
      try set(field, name, value, parser)
    } else {
      throw Self.unknown(name, parser)
    }
  }

  private mutating func noteADX(
    _ name: UnsafePointer<CChar>, _ text: UnsafePointer<CChar>, _ value: String, _ names: FieldNames,
    _ parser: XMLParser
  ) throws {
    let known = String(cString: name)
    switch AttributeTable.meaning(inADX: known, names) {
    case .ignored: break
    case .unknown: throw Self.unknown(known, parser)
    case .category where known == "completeDate": header.completeDate = value.isEmpty ? nil : value
    case .category: options.append(name, text)
    case .field(let field): if !value.isEmpty { try set(field, known, value, parser) }
    }
  }

  private mutating func set(_ field: ValueField, _ name: String, _ value: String, _ parser: XMLParser) throws {
    guard JSONTop.fields.contains(field) else { throw parser.malformed(FieldNames.misplaced(name)) }
    var json: [UInt8] = []
    JSONValue.writeString(field == .period ? try parser.id(ofPeriod: value) : value, to: &json)
    guard header.members[field] ?? json == json else {
      throw parser.malformed("the attribute \(field.key.quoted) repeats something with another value")
    }
    header.members[field] = json
  }

  private static func unknown(_ name: String, _ parser: XMLParser) -> CommandFailure {
    parser.malformed("at the top of the document: " + FieldNames.unknown(name, "attribute"))
  }
}
