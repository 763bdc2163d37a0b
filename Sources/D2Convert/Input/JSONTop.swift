import D2Common

/// The top of a DHIS2 document: the members beside its one array of values or registrations.
final class JSONTop {
  /// The arrays that make an object a document.
  private static let arrays = ["dataValues", "completeDataSetRegistrations"]
  /// The fields at the top of a data value set that apply to its values.
  static let fields: Set<ValueField> = [.dataSet, .period, .orgUnit, .attributeOptionCombo]

  private let window: TextWindow
  private let names: FieldNames
  /// The members read so far.
  private(set) var header = DocumentHeader()
  /// Whether the values of the array come next.
  private(set) var isInArray = false
  private var hadArray = false

  init(_ window: TextWindow, _ names: FieldNames) {
    self.window = window
    self.names = names
  }

  /// Whether the object here is a document. A document has one of the arrays, or only keys of the top (a data set that
  /// was completed without values).
  static func isDocument(_ window: TextWindow) throws -> Bool {
    guard window[0] == UInt8(ascii: "{") else { return false }
    var at = 1
    while let key = try JSONScan.pastSpace(window, at), window[key] == UInt8(ascii: "\"") {
      let length = try JSONScan.length(ofString: window, at: key)
      let name = text(of: window, key + 1..<key + length - 1)
      guard let colon = try JSONScan.pastSpace(window, key + length), window[colon] == UInt8(ascii: ":"),
        let value = try JSONScan.pastSpace(window, colon + 1)
      else { return false }
      if arrays.contains(name) { return true }
      guard isOfTop(name) else { return false }
      let valueEnd = try value + JSONScan.length(ofValue: window, at: value)
      guard let next = try JSONScan.pastSpace(window, valueEnd) else { return false }
      if window[next] != UInt8(ascii: ",") { return window[next] == UInt8(ascii: "}") }
      at = next + 1
    }
    // Some versions answer {} if there is nothing.
    return at == 1
  }

  /// Whether a key belongs to the top. No value has it without `dataElement`, and values have it after that key.
  private static func isOfTop(_ name: String) -> Bool {
    !["dataElement", "value", "organisationUnit"].contains(name)
  }

  /// The complete top of the next document in the window. Its values are skipped.
  func whole() throws -> DocumentHeader {
    header = DocumentHeader()
    hadArray = false
    guard try window.skipSpace(), window[0] == UInt8(ascii: "{") else { return header }
    try readBefore()
    while isInArray {
      try skipElements()
      try readBehind()
    }
    return header
  }

  /// Reads up to the first value of the array, or to the end of a document without values.
  func readBefore() throws {
    window.advance(by: 1)
    try window.require("a key")
    if window[0] == UInt8(ascii: "}") { return window.advance(by: 1) }
    try readMembers()
  }

  /// Continues after the closing bracket of the array, up to the end of the document.
  func readBehind() throws {
    isInArray = false
    try readSeparated()
  }

  private func skipElements() throws {
    try window.require("a value or ]")
    while window[0] != UInt8(ascii: "]") {
      if window[0] == UInt8(ascii: ",") {
        window.advance(by: 1)
      } else {
        window.advance(by: try JSONScan.length(ofValue: window, at: 0))
      }
      try window.require("a value or ]")
    }
    window.advance(by: 1)
  }

  /// Reads a comma and the member after it, or the end.
  private func readSeparated() throws {
    try window.require("a comma or }")
    switch window[0] {
    case UInt8(ascii: "}"): window.advance(by: 1)
    case UInt8(ascii: ","):
      window.advance(by: 1)
      try window.require("a key")
      try readMembers()
    default: throw window.malformed("a comma or } is expected, not \(window.shown())")
    }
  }

  private func readMembers() throws {
    guard window[0] == UInt8(ascii: "\"") else { throw window.malformed("a key is expected, not \(window.shown())") }
    let length = try JSONScan.length(ofString: window, at: 0)
    let name = Self.text(of: window, 1..<length - 1)
    let place = window.place()
    window.advance(by: length)
    try window.require("a colon")
    guard window[0] == UInt8(ascii: ":") else { throw window.malformed("a colon is expected, not \(window.shown())") }
    window.advance(by: 1)
    try window.require("a value")
    if Self.arrays.contains(name) {
      if try openArray(name, place) { return }
    } else {
      try note(name, place)
    }
    try readSeparated()
  }

  /// Opens the array; false for `null`, which some programs write instead of an empty array.
  private func openArray(_ name: String, _ place: Place) throws -> Bool {
    guard !hadArray else { throw CommandFailure.malformed(window.name, place, "the values are there twice") }
    hadArray = true
    if window[0] == UInt8(ascii: "[") {
      window.advance(by: 1)
      isInArray = true
      return true
    }
    let length = try JSONScan.length(ofValue: window, at: 0)
    guard Self.text(of: window, 0..<length) == "null" else {
      throw CommandFailure.malformed(window.name, place, "\(name.quoted) is not an array")
    }
    window.advance(by: length)
    return false
  }

  private func note(_ name: String, _ place: Place) throws {
    let length = try JSONScan.length(ofValue: window, at: 0)
    let bytes = Array(UnsafeBufferPointer(start: window.base + window.begin, count: length))
    guard let value = try? JSONValue(parsing: bytes) else { throw window.malformed("this is not a JSON value") }
    window.advance(by: length)
    // An empty text counts as missing, as in XML: there DHIS2 writes empty texts for missing ones.
    if value == .null || value.string == "" { return }
    if name == "completeDate" {
      header.completeDate = value.scalarText
    } else if name.hasSuffix("IdScheme") || name == "idScheme", let scheme = value.string {
      header.idSchemes.append((name, scheme))
    } else {
      switch names.meaning(of: name) {
      case .ignored: break
      case .field(let field) where Self.fields.contains(field):
        // Numbers can be ids too: 2016.
        let isNumber = value.string == nil && value.scalarText != nil
        let json = isNumber ? [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")] : bytes
        guard header.members[field] ?? json == json else {
          throw CommandFailure.malformed(
            window.name, place, "the key \(name.quoted) repeats something with another value")
        }
        header.members[field] = json
      case .field: throw CommandFailure.malformed(window.name, place, FieldNames.misplaced(name))
      case .unknown:
        throw CommandFailure.malformed(
          window.name, place, "at the top of the document: " + FieldNames.unknown(name, "key"))
      }
    }
  }

  /// The text of a key or a word, with escapes decoded.
  private static func text(of window: TextWindow, _ range: Range<Int>) -> String {
    let bytes = UnsafeBufferPointer(start: window.base + window.begin + range.lowerBound, count: range.count)
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.contains("\\") else { return text }
    return (try? JSONValue(parsing: Array("\"\(text)\"".utf8)))?.string ?? text
  }
}
