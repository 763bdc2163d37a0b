import D2Common
import D2Store

/// Parses posted data values directly from the bytes, many times faster than through a document.
///
/// It supports only the usual form of payloads: values with plain keys and texts. At anything else it stops, and the
/// document's own parser decides what is valid.
struct ValueScanner {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let version: ServerVersion
  private var at = 0

  private init(_ bytes: UnsafeBufferPointer<UInt8>, _ version: ServerVersion) {
    self.bytes = bytes
    self.version = version
  }

  /// A whole payload; `nil` if it is not plain.
  static func set(_ text: [UInt8], _ version: ServerVersion) -> IncomingSet? {
    text.withUnsafeBufferPointer { bytes in
      var scanner = ValueScanner(bytes, version)
      return scanner.set()
    }
  }

  /// One data value, as a line of NDJSON; `nil` if it is not plain.
  static func value(_ line: ArraySlice<UInt8>, _ version: ServerVersion) -> IncomingValue? {
    line.withUnsafeBufferPointer { bytes in
      var scanner = ValueScanner(bytes, version)
      guard let value = scanner.value() else { return nil }
      scanner.skipSpace()
      return scanner.at == bytes.count ? value : nil
    }
  }

  private mutating func set() -> IncomingSet? {
    guard take("{") else { return nil }
    var header: [JSONValue.Member] = []
    var values: [IncomingValue]?
    if take("}") { return nil }
    repeat {
      guard let key = string(), take(":") else { return nil }
      if key == "dataValues", values == nil, take("[") {
        guard let list = list() else { return nil }
        values = list
      } else {
        guard let value = scalar() else { return nil }
        header.append(.init(key, value))
      }
    } while take(",")
    guard take("}"), let values else { return nil }
    skipSpace()
    return at == bytes.count ? IncomingSet(header: .object(header), values: values) : nil
  }

  private mutating func list() -> [IncomingValue]? {
    var values: [IncomingValue] = []
    if take("]") { return values }
    repeat {
      guard let value = value() else { return nil }
      values.append(value)
    } while take(",")
    return take("]") ? values : nil
  }

  private mutating func value() -> IncomingValue? {
    guard take("{") else { return nil }
    var value = IncomingValue()
    if take("}") { return value }
    repeat {
      skipSpace()
      let start = at
      guard skipPlainString() else { return nil }
      let field = Field(bytes[(start + 1)..<(at - 1)])
      guard take(":"), let json = scalar() else { return nil }
      value.take(field, json, version)
    } while take(",")
    return take("}") ? value : nil
  }

  // MARK: - Tokens

  private mutating func skipSpace() {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 { at += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  /// Skips a string without escapes; false leaves the position at its start.
  private mutating func skipPlainString() -> Bool {
    guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { return false }
    var end = at + 1
    while end < bytes.count, bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\"), bytes[end] >= 0x20 {
      end += 1
    }
    guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else { return false }
    at = end + 1
    return true
  }

  private mutating func string() -> String? {
    skipSpace()
    let start = at
    guard skipPlainString() else { return nil }
    return String(validating: bytes[(start + 1)..<(at - 1)], as: UTF8.self)
  }

  /// A string, number, boolean or null.
  private mutating func scalar() -> JSONValue? {
    skipSpace()
    let start = at
    if skipPlainString() {
      return String(validating: bytes[(start + 1)..<(at - 1)], as: UTF8.self).map { .string($0) }
    }
    guard at < bytes.count, bytes[at] != UInt8(ascii: "{"), bytes[at] != UInt8(ascii: "[") else { return nil }
    if bytes[at] == UInt8(ascii: "\"") {
      // With escapes: up to the quote without a backslash before it.
      at += 1
      while at < bytes.count, bytes[at] != UInt8(ascii: "\"") { at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1 }
      at = min(at + 1, bytes.count)
    } else {
      while at < bytes.count, !",]} \n\r\t".utf8.contains(bytes[at]) { at += 1 }
    }
    return try? JSONValue(reading: bytes[start..<at])
  }

  /// The keys of a data value that an import uses.
  enum Field {
    case dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo, value, comment, followup, followUp
    case deleted, storedBy, created, lastUpdated, other

    /// Whether servers expect a text.
    var isText: Bool { ![.followup, .followUp, .deleted, .other].contains(self) }

    init(_ key: Swift.Slice<UnsafeBufferPointer<UInt8>>) {
      func isKey(_ name: StaticString) -> Bool {
        name.utf8CodeUnitCount == key.count && name.withUTF8Buffer { $0.elementsEqual(key) }
      }
      switch key.count {
      case 5: self = isKey("value") ? .value : .other
      case 6: self = isKey("period") ? .period : .other
      case 7:
        self =
          isKey("orgUnit")
          ? .orgUnit : isKey("comment") ? .comment : isKey("deleted") ? .deleted : isKey("created") ? .created : .other
      case 8:
        self = isKey("followup") ? .followup : isKey("followUp") ? .followUp : isKey("storedBy") ? .storedBy : .other
      case 11: self = isKey("dataElement") ? .dataElement : isKey("lastUpdated") ? .lastUpdated : .other
      case 19: self = isKey("categoryOptionCombo") ? .categoryOptionCombo : .other
      case 20: self = isKey("attributeOptionCombo") ? .attributeOptionCombo : .other
      default: self = .other
      }
    }

    init(_ key: String) {
      var key = key
      self = key.withUTF8 { Field($0[...]) }
    }
  }
}
