import D2Client
import D2Common
import D2Hash

/// Makes the record of a line: hashes of its key and its value.
struct RecordMaker: ~Copyable {
  private let settings: Side.Settings
  private let defaultCombos: [[UInt8]]
  private var hasher: ValueHasher

  private static let valueKeys: [DataValueLine.Key] = [.dataElement, .period, .orgUnit]

  init(_ settings: Side.Settings, _ hashKey: ValueHasher.Key) {
    self.settings = settings
    defaultCombos = settings.defaultCombos.map { Array($0.utf8) }
    hasher = ValueHasher(hashKey)
  }

  /// - Throws: `DataValueLine.Fault` for a line that is neither a data value nor a registration.
  mutating func record(
    _ line: DataValueLine, _ place: LinePlace, _ groups: inout GroupTable
  ) throws(DataValueLine.Fault) -> SideRecord {
    let isRegistration = if case .registrations = line.dataKind { true } else { false }
    if isRegistration {
      hasher.add(CollectionOfOne(UInt8(ascii: "r")))
      try add(.dataSet, line)
      try add(.period, line)
      try add(line[.organisationUnit].kind == .absent ? .orgUnit : .organisationUnit, line)
    } else {
      for key in Self.valueKeys { try add(key, line) }
      try addCombo(.categoryOptionCombo, line)
    }
    try addCombo(.attributeOptionCombo, line)
    let key = hasher.finish()
    var keeping = SideRecord.Keeping.whole
    if !isRegistration {
      var stored: String?
      if let destination = settings.destination { (keeping, stored) = destination.state(of: line) }
      if let stored { addStored(stored) } else { addValue(line) }
    }
    let group = settings.ancestors == nil ? 0 : groups.number(of: line, isRegistration, settings.ancestors!)
    let isDeleted =
      isRegistration
      ? line[.completed].kind != .absent && !line.isTrue(.completed) || line.isTrue(.deleted) : line.isTrue(.deleted)
    return SideRecord(
      key: key, value: hasher.finish(), place: place, isDeleted: isDeleted, group: group, keeping: keeping)
  }

  @inline(__always)
  private mutating func add(
    _ key: DataValueLine.Key, _ line: DataValueLine
  ) throws(DataValueLine.Fault) {
    let field = line[key]
    guard field.kind == .string || field.kind == .number, field.length > 0 else {
      throw DataValueLine.Fault(ForeignInput.document(in: line) ?? "\(key.name) is missing")
    }
    addText(key, line)
  }

  /// Adds a combo. An explicit default combo equals a missing one.
  @inline(__always)
  private mutating func addCombo(_ key: DataValueLine.Key, _ line: DataValueLine) throws(DataValueLine.Fault) {
    let field = line[key]
    guard field.kind == .string && field.length > 0 || field.kind == .number else {
      if let problem = line.comboProblem(key) { throw DataValueLine.Fault(problem) }
      return hasher.add(EmptyCollection())
    }
    let bytes = line.bytes(field)
    if !line.isPlain, bytes.contains(UInt8(ascii: "\\")) {
      return defaultCombos.contains(Array((line.text(key) ?? "").utf8))
        ? hasher.add(EmptyCollection()) : addText(key, line)
    }
    for combo in defaultCombos where bytes.count == combo.count && bytes.elementsEqual(combo) {
      return hasher.add(EmptyCollection())
    }
    addText(key, line)
  }

  /// Adds a text for comparison. An escape equals the character that it means.
  @inline(__always)
  private mutating func addText(_ key: DataValueLine.Key, _ line: DataValueLine) {
    let bytes = line.bytes(line[key])
    if !line.isPlain, bytes.contains(UInt8(ascii: "\\")), let text = line.text(key),
      !text.unicodeScalars.contains("\u{FFFD}")
    {
      hasher.add(text.utf8)
    } else {
      // Also half of a surrogate pair, which is not a text. Two of them may differ.
      hasher.add(bytes)
    }
  }

  private mutating func addStored(_ text: String) {
    if settings.isNumeric, let number = Decimal(text.utf8) {
      hasher.add(number.description.utf8)
    } else {
      hasher.add(text.utf8)
    }
  }

  @inline(__always)
  private mutating func addValue(_ line: DataValueLine) {
    let field = line[.value]
    switch field.kind {
    case .absent, .null: hasher.add(EmptyCollection())
    default:
      if settings.isNumeric, let number = Decimal(line.bytes(field)) {
        hasher.add(number.description.utf8)
      } else {
        addText(.value, line)
      }
    }
  }
}
