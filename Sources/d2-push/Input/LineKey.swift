import D2Client
import D2Common

/// Hashes the key of a line. Two values with the same key must not be in one request.
struct LineKey: Sendable {
  private let isDataValues: Bool
  private let defaultCombo: [UInt8]

  init(_ kind: DataKind, defaultCombo: [UInt8]) {
    isDataValues = kind == .dataValues
    self.defaultCombo = defaultCombo
  }

  /// Hashes the key. A missing option combo counts as the default one, because a value may name that or omit it.
  @inline(__always)
  func hash(_ line: DataValueLine) -> UInt64 {
    var hash = KeyHash()
    if isDataValues {
      add(line, .dataElement, to: &hash)
      addPeriod(line, to: &hash)
      add(line, .orgUnit, to: &hash)
      addCombo(line, .categoryOptionCombo, to: &hash)
    } else {
      add(line, .dataSet, to: &hash)
      addPeriod(line, to: &hash)
      add(line, .organisationUnit, to: &hash)
    }
    addCombo(line, .attributeOptionCombo, to: &hash)
    return hash.value
  }

  /// Hashes the fields that identify a report: data set, period, organisation unit and attribute option combo.
  ///
  /// - Parameters:
  ///   - line: a value of the report, or its registration.
  ///   - namesDataSet: whether to include the data set.
  func report(_ line: DataValueLine, namesDataSet: Bool) -> UInt64 {
    var hash = KeyHash()
    if namesDataSet, line[.dataSet].kind != .absent { add(line, .dataSet, to: &hash) }
    addPeriod(line, to: &hash)
    add(line, line[.organisationUnit].kind == .absent ? .orgUnit : .organisationUnit, to: &hash)
    addCombo(line, .attributeOptionCombo, to: &hash)
    return hash.value
  }

  /// Adds an id, which has the same hash in each spelling.
  @inline(__always)
  private func add(_ line: DataValueLine, _ key: DataValueLine.Key, to hash: inout KeyHash) {
    let bytes = line.bytes(line[key])
    if line.isPlain || !bytes.contains(UInt8(ascii: "\\")) { return hash.add(bytes) }
    Self.add(line.text(key) ?? "", to: &hash)
  }

  @inline(never)
  private static func add(_ text: String, to hash: inout KeyHash) {
    Array(text.utf8).withUnsafeBytes { hash.add($0) }
  }

  /// Adds a period. Servers read some periods in more than one spelling: 2024-01 is 202401, and 2024W05 is 2024W5.
  @inline(__always)
  private func addPeriod(_ line: DataValueLine, to hash: inout KeyHash) {
    guard Self.mayBeRespelled(line.bytes(line[.period])), let period = Period(id: line.text(.period) ?? "") else {
      return add(line, .period, to: &hash)
    }
    Self.add(period.id, to: &hash)
  }

  /// Whether the year is followed by a dash, or by letters and then a zero.
  @inline(__always)
  private static func mayBeRespelled(_ period: UnsafeRawBufferPointer) -> Bool {
    guard period.count > 6 else { return false }
    if period[4] == UInt8(ascii: "-") { return true }
    var at = 4
    while at < period.count, period[at] > UInt8(ascii: "9") { at += 1 }
    return at > 4 && at + 1 < period.count && period[at] == UInt8(ascii: "0")
  }

  @inline(__always)
  private func addCombo(_ line: DataValueLine, _ key: DataValueLine.Key, to hash: inout KeyHash) {
    let field = line[key]
    if field.kind == .string, field.length > 0 { return add(line, key, to: &hash) }
    addOther(line, field, to: &hash)
  }

  @inline(never)
  private func addOther(_ line: DataValueLine, _ field: DataValueLine.Field, to hash: inout KeyHash) {
    switch field.kind {
    case .absent, .null, .string: defaultCombo.withUnsafeBytes { hash.add($0) }
    case .object: LineRules.canonical(line.bytes(field)).withUnsafeBytes { hash.add($0) }
    default: hash.add(line.bytes(field))
    }
  }
}

/// A hash of the fields that form a data value's key. It is fast and well mixed. An adversary gains nothing from a
/// collision.
struct KeyHash {
  private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// Adds the bytes of a field. For the usual lengths of ids and periods, one multiplication covers all bytes, as two
  /// words that may overlap.
  @inline(__always)
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    let count = bytes.count
    if count >= 8, count <= 16 {
      mix(Self.word(bytes, 0), Self.word(bytes, count - 8), count)
    } else if count >= 4, count < 8 {
      mix(Self.half(bytes, 0), Self.half(bytes, count - 4), count)
    } else {
      addOther(bytes)
    }
  }

  @inline(never)
  private mutating func addOther(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 4 else {
      var word: UInt64 = 0
      for byte in bytes { word = word << 8 | UInt64(byte) }
      return mix(word, 0, bytes.count)
    }
    var at = 0
    while at + 16 < bytes.count {
      mix(Self.word(bytes, at), Self.word(bytes, at + 8), bytes.count)
      at += 16
    }
    mix(Self.word(bytes, bytes.count - 16), Self.word(bytes, bytes.count - 8), bytes.count)
  }

  @inline(__always)
  private static func word(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
    bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
  }

  @inline(__always)
  private static func half(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
    UInt64(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
  }

  /// The count is part of the mix, because overlapping words do not show how many bytes there were.
  @inline(__always)
  private mutating func mix(_ first: UInt64, _ last: UInt64, _ count: Int) {
    let length = UInt64(truncatingIfNeeded: count) &* 0x9FB2_1C65_1E98_DF25
    let product = (value ^ first).multipliedFullWidth(by: last ^ 0xA076_1D64_78BD_642F &+ length)
    value = product.high ^ product.low
  }
}
