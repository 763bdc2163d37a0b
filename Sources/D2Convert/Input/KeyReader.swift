import D2Common
import Glibc

/// Fills a record from a JSON object, and refuses unknown keys.
final class KeyReader {
  private let names: FieldNames
  /// The bytes of renamed keys' values, as long as the record needs them.
  private var renamed: [[UInt8]] = []

  private static let fields: [(DataValueLine.Key, ValueField)] = [
    (.dataElement, .dataElement), (.period, .period), (.orgUnit, .orgUnit),
    (.categoryOptionCombo, .categoryOptionCombo), (.attributeOptionCombo, .attributeOptionCombo), (.value, .value),
    (.storedBy, .storedBy), (.lastUpdated, .lastUpdated), (.comment, .comment), (.followup, .followup),
    (.deleted, .deleted), (.created, .created), (.dataSet, .dataSet),
  ]
  private static let keysOfValues = DataValueLine.KeySet(
    .dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value, .storedBy, .lastUpdated,
    .comment, .followup, .deleted, .created, .dataSet)
  private static let registration: Set<String> = [
    "dataSet", "period", "organisationUnit", "attributeOptionCombo", "date", "storedBy", "created", "lastUpdated",
    "lastUpdatedBy", "completed",
  ]

  init(_ names: FieldNames) { self.names = names }

  /// Whether an object is a registration of completeness, and not a value.
  static func isRegistration(_ line: DataValueLine) -> Bool {
    line[.organisationUnit].kind != .absent && line[.dataElement].kind == .absent && line[.value].kind == .absent
  }

  /// Fills the record from the object at the beginning of the window.
  ///
  /// - Throws: `CommandFailure`, 65 for an unknown or duplicate key.
  @inline(__always)
  func read(
    _ line: DataValueLine, _ bytes: UnsafeRawBufferPointer, _ window: TextWindow, into record: ValueRecord
  ) throws {
    record.place = window.place()
    let isUsual =
      !line.keys.hasOthers && line.keys.repeated.isEmpty && Self.keysOfValues.contains(line.keys.present)
    if names.touchesKeys || !isUsual {
      return try readCarefully(bytes, window, into: record)
    }
    for (key, field) in Self.fields { record[field] = Self.cell(line, key) }
    record.line = Self.isOneLine(bytes) ? bytes : nil
  }

  @inline(__always)
  private static func cell(_ line: DataValueLine, _ key: DataValueLine.Key) -> Cell {
    let field = line[key]
    let form: Cell.Form =
      switch field.kind {
      case .absent: .absent
      case .string: .string
      case .null: .null
      case .number, .boolean, .object, .array: .json
      }
    return Cell(form: form, line.bytes(field))
  }

  @inline(__always)
  static func isOneLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
    memchr(bytes.baseAddress!, 0x0A, bytes.count) == nil && memchr(bytes.baseAddress!, 0x0D, bytes.count) == nil
  }

  // MARK: Keys that are not as usual

  @inline(never)
  private func readCarefully(_ bytes: UnsafeRawBufferPointer, _ window: TextWindow, into record: ValueRecord) throws {
    record.clear()
    renamed.removeAll()
    guard let members = (try? JSONValue(parsing: bytes))?.members else {
      throw window.malformed("this is not a JSON object")
    }
    for member in members {
      switch names.meaning(of: member.key) {
      case .ignored: break
      case .unknown: throw window.malformed(Self.unknown(member), at: Self.offset(of: member.key, in: bytes))
      case .field(let field):
        guard isNew(member, in: record[field]) else {
          throw window.malformed(
            "the key \(member.key.quoted) repeats something with another value",
            at: Self.offset(of: member.key, in: bytes))
        }
        record[field] = cell(member.value)
      }
    }
  }

  private static func unknown(_ member: JSONValue.Member) -> String {
    if member.key == "reason" || member.key == "line" { return ForeignInput.rejectsFile }
    if member.key == "dataValues" { return "a whole data value set stands among values: give it alone" }
    return FieldNames.unknown(member.key, "key")
  }

  /// Whether the field is still absent. If not, both members must agree: `followup` and `followUp` of one value.
  private func isNew(_ member: JSONValue.Member, in cell: Cell) -> Bool {
    if cell.form == .absent { return true }
    let new = self.cell(member.value)
    return cell.form == new.form && cell.bytes.elementsEqual(new.bytes)
  }

  /// Makes a cell from a JSON value, and keeps its bytes.
  private func cell(_ value: JSONValue) -> Cell {
    let text = value.text
    let form: Cell.Form =
      switch value {
      case .null: .null
      case .string: .string
      case .bool, .number, .array, .object: .json
      }
    renamed.append(Array((form == .string ? text.dropFirst().dropLast() : text[...]).utf8))
    // The memory of an array does not move as long as the array is neither changed nor freed.
    let start = renamed[renamed.count - 1].withUnsafeBufferPointer { $0.baseAddress }
    return Cell(form: form, start: start, count: renamed[renamed.count - 1].count)
  }

  /// The offset of a key in an object, for messages.
  private static func offset(of key: String, in bytes: UnsafeRawBufferPointer) -> Int {
    var quoted: [UInt8] = []
    JSONValue.writeString(key, to: &quoted)
    let last = bytes.count - quoted.count
    return last < 0 ? 0 : (0...last).first { bytes[$0..<$0 + quoted.count].elementsEqual(quoted) } ?? 0
  }

  // MARK: Registrations

  /// - Throws: `CommandFailure`, 65 for a key that registrations do not have.
  func checkRegistration(_ line: DataValueLine, _ bytes: UnsafeRawBufferPointer, _ window: TextWindow) throws {
    guard let members = (try? JSONValue(parsing: bytes))?.members else {
      throw window.malformed("this is not a JSON object")
    }
    for member in members where !Self.registration.contains(member.key) {
      guard names.meaning(of: member.key) != .ignored else { continue }
      throw window.malformed(
        "unknown key \(member.key.quoted) in a registration of completeness",
        at: Self.offset(of: member.key, in: bytes))
    }
    for key in [DataValueLine.Key.dataSet, .period, .organisationUnit] where line[key].length == 0 {
      throw window.malformed("no \(key.name.quoted) in a registration of completeness")
    }
  }
}
