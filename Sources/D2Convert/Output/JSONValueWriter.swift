import D2Common

/// Writes values as JSON: each on a line, or all in one DHIS2 document.
final class JSONValueWriter: ValueWriter {
  private let output: LineOutput
  private let isDocument: Bool
  private var gathered = ByteArray(capacity: gatheredBytes + 64 * 1024)
  /// The name of the open array; `nil` before the first value.
  private var array: String?

  /// How many bytes are buffered before a write.
  private static let gatheredBytes = 256 * 1024
  private static let order: [ValueField] = [
    .dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value, .storedBy, .created,
    .lastUpdated, .comment, .followup, .deleted, .dataSet,
  ]
  /// The fields in this order, each with `,"key":`. They are written for each value, so this avoids reference counting
  /// and checks.
  private let fields: UnsafeMutableBufferPointer<(field: ValueField, key: UnsafeRawBufferPointer)>
  private let keys = order.map { KeptBytes(",\"\($0.key)\":".utf8) }

  /// - Parameter isDocument: whether to write all values in one array of one object.
  init(_ output: LineOutput, isDocument: Bool) {
    self.output = output
    self.isDocument = isDocument
    fields = .allocate(capacity: Self.order.count)
    for (place, field) in Self.order.enumerated() {
      let key = UnsafeRawBufferPointer(start: keys[place].start, count: keys[place].count)
      fields.initializeElement(at: place, to: (field, key))
    }
  }

  deinit { fields.deallocate() }

  func write(_ value: ValueRecord, _ counts: inout ConversionCounts) throws {
    if isDocument { try beginElement(of: "dataValues") }
    if let line = value.line { gathered.append(line) } else { append(value) }
    try endValue()
  }

  func write(registration: UnsafeRawBufferPointer) throws {
    if isDocument { try beginElement(of: "completeDataSetRegistrations") }
    gathered.append(registration)
    try endValue()
  }

  func finish(_ counts: inout ConversionCounts) throws {
    if isDocument {
      if array == nil { open("dataValues") }
      gathered.append(contentsOf: "]}\n".utf8)
    }
    try flush()
    try output.finish()
  }

  func flush() throws {
    try output.write(gathered.bytes)
    gathered.removeAll()
  }

  private func beginElement(of name: String) throws {
    guard let array else { return open(name) }
    guard array == name else {
      throw CommandFailure(
        .malformedInput, "a document holds either values or registrations of completeness, but the input has both")
    }
    gathered.append(UInt8(ascii: ","))
  }

  private func open(_ name: String) {
    gathered.append(contentsOf: "{\"\(name)\":[".utf8)
    array = name
  }

  private func endValue() throws {
    if !isDocument { gathered.append(UInt8(ascii: "\n")) }
    if gathered.count >= Self.gatheredBytes { try flush() }
  }

  @inline(__always)
  private func append(_ value: ValueRecord) {
    var separator = UInt8(ascii: "{")
    for (field, key) in fields {
      let cell = value[field]
      if cell.form == .absent { continue }
      gathered.append(key)
      gathered.base[gathered.count - key.count] = separator
      separator = UInt8(ascii: ",")
      append(cell)
    }
    gathered.append(UInt8(ascii: "}"))
  }

  @inline(__always)
  private func append(_ cell: Cell) {
    switch cell.form {
    case .absent: break
    case .null: gathered.append(contentsOf: "null".utf8)
    case .json: gathered.append(cell.bytes)
    case .string, .text:
      gathered.append(UInt8(ascii: "\""))
      if cell.form == .string {
        gathered.append(cell.bytes)
      } else {
        TextBytes.appendJSON(cell.bytes, to: &gathered)
      }
      gathered.append(UInt8(ascii: "\""))
    }
  }
}
