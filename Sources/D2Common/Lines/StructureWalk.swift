import Glibc

/// Parses the structure of one line, and checks its grammar.
struct StructureWalk {
  /// The nesting limit, because the check is recursive. No value is as deep.
  static let deepest = 64

  let text: UnsafePointer<UInt8>
  let length: Int
  let positions: UnsafePointer<UInt32>
  let count: Int
  var next = 0
  /// The keys of the line itself.
  var keys = DataValueLine.KeysByKind()

  /// The byte at a position of the structure; 0 after the last.
  @inline(__always)
  func byte(_ index: Int) -> UInt8 { index < count ? text[Int(positions[index])] : 0 }

  @inline(__always)
  func position(_ index: Int) -> Int { index < count ? Int(positions[index]) : length }

  func fault(_ expected: String) -> DataValueLine.Fault {
    DataValueLine.Fault(
      next < count
        ? "\(expected) was expected at byte \(positions[next])" : "the JSON ends early: \(expected) was expected")
  }

  /// Parses the object of the line itself.
  mutating func object(into fields: UnsafeMutablePointer<DataValueLine.Field>) throws(DataValueLine.Fault) {
    next = 1
    if byte(1) == UInt8(ascii: "}") {
      next = 2
    } else {
      repeat {
        textMembers(into: fields)
        guard byte(next) == UInt8(ascii: "\"") else { throw fault("a key") }
        let keyStart = Int(positions[next]) + 1
        let keyLength = position(next + 1) - keyStart
        guard byte(next + 2) == UInt8(ascii: ":") else {
          next += 2
          throw fault("a colon")
        }
        next += 3
        let field = try value(depth: 1)
        if let key = Self.key(text + keyStart, keyLength) {
          fields[key.rawValue] = field
          keys.note(DataValueLine.KeySet(key), field)
        } else {
          keys.noteOther()
        }
      } while try another(before: UInt8(ascii: "}"))
    }
    guard next == count else { throw .init("there is something after the JSON object at byte \(positions[next])") }
  }

  /// The fast path for members with a text and another member after them, which nearly all are. It parses as many as
  /// follow each other, and leaves the rest to the slow path.
  @inline(__always)
  private mutating func textMembers(into fields: UnsafeMutablePointer<DataValueLine.Field>) {
    // Copies, because the compiler must assume that a write to the fields can change `self`.
    let (text, end) = (text, positions + count)
    var place = positions + next
    var keys = keys
    while place + 5 < end {
      let (key, value) = (Int(place[0]), Int(place[3]))
      // The position after an opening quote is that of the closing one.
      guard text[key] == UInt8(ascii: "\""), text[Int(place[2])] == UInt8(ascii: ":"),
        text[value] == UInt8(ascii: "\""), text[Int(place[5])] == UInt8(ascii: ",")
      else { break }
      if let key = Self.key(text + key + 1, Int(place[1] - place[0]) - 1) {
        let field = DataValueLine.Field(kind: .string, start: place[3] + 1, length: place[4] - place[3] - 1)
        fields[key.rawValue] = field
        keys.note(DataValueLine.KeySet(key), field)
      } else {
        keys.noteOther()
      }
      place += 6
    }
    next = place - positions
    self.keys = keys
  }

  /// Reads the separator after a member or element: true for a comma, false for the closing bracket.
  @inline(__always)
  private mutating func another(before close: UInt8) throws(DataValueLine.Fault) -> Bool {
    let found = byte(next)
    guard found == UInt8(ascii: ",") || found == close else { throw fault("a comma or a closing bracket") }
    next += 1
    return found != close
  }

  @inline(__always)
  private mutating func value(depth: Int) throws(DataValueLine.Fault) -> DataValueLine.Field {
    let begin = position(next)
    switch byte(next) {
    case UInt8(ascii: "\""):
      let end = position(next + 1)
      next += 2
      return .init(kind: .string, start: UInt32(begin + 1), length: UInt32(end - begin - 1))
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      return try nested(depth: depth)
    case 0, UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ","), UInt8(ascii: ":"):
      throw fault("a value")
    default:
      var end = position(next + 1)
      while end > begin, text[end - 1] <= 0x20 { end -= 1 }
      let kind = try Self.scalar(text + begin, end - begin, at: begin)
      next += 1
      return .init(kind: kind, start: UInt32(begin), length: UInt32(end - begin))
    }
  }

  @inline(never)
  private mutating func nested(depth: Int) throws(DataValueLine.Fault) -> DataValueLine.Field {
    guard depth < Self.deepest else { throw .init("JSON nested deeper than \(Self.deepest) levels") }
    let begin = position(next)
    let isObject = byte(next) == UInt8(ascii: "{")
    let close = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    next += 1
    if byte(next) == close {
      next += 1
    } else {
      repeat {
        if isObject {
          guard byte(next) == UInt8(ascii: "\"") else { throw fault("a key") }
          guard byte(next + 2) == UInt8(ascii: ":") else {
            next += 2
            throw fault("a colon")
          }
          next += 3
        }
        _ = try value(depth: depth + 1)
      } while try another(before: close)
    }
    let end = Int(positions[next - 1]) + 1
    return .init(kind: isObject ? .object : .array, start: UInt32(begin), length: UInt32(end - begin))
  }

  private static func scalar(
    _ text: UnsafePointer<UInt8>, _ length: Int, at offset: Int
  ) throws(DataValueLine.Fault) -> DataValueLine.Kind {
    switch text[0] {
    case UInt8(ascii: "t") where length == 4 && memcmp(text, "true", 4) == 0: return .boolean
    case UInt8(ascii: "f") where length == 5 && memcmp(text, "false", 5) == 0: return .boolean
    case UInt8(ascii: "n") where length == 4 && memcmp(text, "null", 4) == 0: return .null
    case UInt8(ascii: "-"), 0x30...0x39:
      if case .number = try? JSONValue(parsing: UnsafeBufferPointer(start: text, count: length)) { return .number }
    default: break
    }
    throw .init("no JSON value at byte \(offset)")
  }

  @inline(__always)
  static func key(_ text: UnsafePointer<UInt8>, _ length: Int) -> DataValueLine.Key? {
    switch length {
    case 11 where memcmp(text, "dataElement", 11) == 0: .dataElement
    case 6 where memcmp(text, "period", 6) == 0: .period
    case 7 where memcmp(text, "orgUnit", 7) == 0: .orgUnit
    case 7 where memcmp(text, "dataSet", 7) == 0: .dataSet
    case 7 where memcmp(text, "deleted", 7) == 0: .deleted
    case 19 where memcmp(text, "categoryOptionCombo", 19) == 0: .categoryOptionCombo
    case 20 where memcmp(text, "attributeOptionCombo", 20) == 0: .attributeOptionCombo
    case 5 where memcmp(text, "value", 5) == 0: .value
    case 9 where memcmp(text, "completed", 9) == 0: .completed
    case 8 where memcmp(text, "followup", 8) == 0: .followup
    case 8 where memcmp(text, "followUp", 8) == 0: .followUp
    case 16 where memcmp(text, "organisationUnit", 16) == 0: .organisationUnit
    case 7 where memcmp(text, "comment", 7) == 0: .comment
    case 8 where memcmp(text, "storedBy", 8) == 0: .storedBy
    case 7 where memcmp(text, "created", 7) == 0: .created
    case 11 where memcmp(text, "lastUpdated", 11) == 0: .lastUpdated
    case 4 where memcmp(text, "date", 4) == 0: .date
    case 10 where memcmp(text, "dataValues", 10) == 0: .dataValues
    case 28 where memcmp(text, "completeDataSetRegistrations", 28) == 0: .completeDataSetRegistrations
    default: memchr(text, 0x5C, length) == nil ? nil : escapedKey(text, length)
    }
  }

  /// The key in an escaped spelling. For a server it is the same key.
  @inline(never)
  private static func escapedKey(_ text: UnsafePointer<UInt8>, _ length: Int) -> DataValueLine.Key? {
    let quoted = Array(UnsafeBufferPointer(start: text - 1, count: length + 2))
    guard let name = (try? JSONValue(parsing: quoted))?.string else { return nil }
    return DataValueLine.Key.allCases.first { $0.name == name }
  }
}
