import D2Common

/// Completes values before it passes them to a writer: it adds the fields of the document's top, and checks that each
/// value can stand alone.
final class ValueAssembler: ValueSink {
  /// The counts so far.
  var counts = ConversionCounts()
  /// The name of the input for messages.
  var inputName = ""

  private let writer: any ValueWriter
  private let rules: ConversionRules
  /// The file for registrations of `completeDate`s; `nil` to leave them out.
  private let completions: CompletionFile?
  /// The part of the document's top that was known before its values.
  private var known = DocumentHeader()
  private var given: [Given] = []
  /// The counts when the document began.
  private var before = ConversionCounts()

  /// A field that values get.
  private struct Given {
    let field: ValueField
    let bytes: KeptBytes
    let form: Cell.Form
    /// Whether it replaces the value's own field.
    let overrides: Bool

    var cell: Cell { Cell(form: form, start: bytes.start, count: bytes.count) }
  }

  private static let ids: [ValueField] = [.dataElement, .period, .orgUnit]
  private static let texts: [ValueField] = [.value, .storedBy, .lastUpdated, .comment, .created, .dataSet]

  init(_ writer: any ValueWriter, _ rules: ConversionRules, completions: CompletionFile?) {
    self.writer = writer
    self.rules = rules
    self.completions = completions
  }

  // MARK: Documents

  func begin(_ header: DocumentHeader) {
    known = header
    before = counts
    given = rules.constants.filter { header.members[$0.key] == nil }.map { field, text in
      Given(field: field, bytes: KeptBytes(text.utf8), form: .text, overrides: false)
    }
    given += header.members.map { field, json in
      let isString = json.first == UInt8(ascii: "\"")
      return Given(
        field: field, bytes: KeptBytes(isString ? json.dropFirst().dropLast() : json[...]),
        form: isString ? .string : .json, overrides: rules.asOf == .upTo42)
    }
  }

  func end(_ header: DocumentHeader) throws {
    for field in ValueField.allCases where header.members[field] != nil && known.members[field] == nil {
      guard counts.values > before.values, let what = missed(field) else { continue }
      throw CommandFailure.malformed(
        inputName, nil,
        "\(field.key.quoted) comes after the values that \(what) it: give the document as a file, not "
          + "through a pipe")
    }
    for (key, scheme) in header.idSchemes { counts.idSchemes[key] = scheme }
    guard let date = header.completeDate else { return }
    if let completions {
      try completions.add(header, date, inputName)
      counts.completions += 1
    } else {
      counts.completionsLeftOut += 1
    }
  }

  /// What the document's values did without a field that came after them, at the top; `nil` if they had their own.
  private func missed(_ field: ValueField) -> String? {
    if rules.constants[field] != nil { return "may lack" }
    if rules.asOf == .upTo42 { return "take" }
    let isLacked =
      switch field {
      case .dataSet: counts.withoutDataSet > before.withoutDataSet
      case .attributeOptionCombo: counts.attributeCombos.without > before.attributeCombos.without
      // Values are not written without the other fields.
      default: false
      }
    return isLacked ? "lack" : nil
  }

  func take(registration: UnsafeRawBufferPointer) throws {
    counts.registrations += 1
    try writer.write(registration: registration)
  }

  // MARK: Values

  @inline(__always)
  func take(_ value: ValueRecord) throws {
    for one in given {
      let form = value[one.field].form
      if form == .absent || form == .null || one.overrides {
        value[one.field] = one.cell
        value.line = nil
      }
    }
    try check(value)
    do { try writer.write(value, &counts) } catch let fault as UnwritableValue {
      throw malformed(fault.problem, value)
    }
    counts.values += 1
  }

  private func check(_ value: ValueRecord) throws {
    for field in Self.ids {
      let cell = value[field]
      let isID = (cell.form == .string || cell.form == .text) && cell.count > 0
      if !isID { try checkID(field, value) }
    }
    if try namesCombo(.categoryOptionCombo, value) { counts.categoryCombos.with += 1 }
    if try namesCombo(.attributeOptionCombo, value) { counts.attributeCombos.with += 1 }
    if value[.categoryOptionCombo].form == .absent { counts.categoryCombos.without += 1 }
    if value[.attributeOptionCombo].form == .absent { counts.attributeCombos.without += 1 }
    if value[.dataSet].form == .absent { counts.withoutDataSet += 1 }
    for field in Self.texts where value[field].form == .json { try makeText(field, value) }
    for field in [ValueField.followup, .deleted] where value[field].form != .absent { try checkFlag(field, value) }
  }

  @inline(__always)
  private func namesCombo(_ field: ValueField, _ value: ValueRecord) throws -> Bool {
    switch value[field].form {
    case .string, .text: return true
    case .null, .absent: return false
    case .json:
      if value[field].bytes.first == UInt8(ascii: "{") {
        counts.combosByOptions += 1
      } else {
        try makeText(field, value)
      }
      return true
    }
  }

  /// Handles an id that is missing or not a text.
  @inline(never)
  private func checkID(_ field: ValueField, _ value: ValueRecord) throws {
    switch value[field].form {
    case .json:
      let isWord = value[field].bytes.first.map { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") } ?? false
      guard !isWord else { throw malformed("\(field.key.quoted) is true or false, not an id", value) }
      try makeText(field, value)
    case .absent, .null: throw malformed("no \(field.key.quoted)", value)
    case .string, .text: throw malformed("\(field.key.quoted) is empty", value)
    }
  }

  /// Turns a number or boolean into a text with the same spelling.
  @inline(never)
  private func makeText(_ field: ValueField, _ value: ValueRecord) throws {
    let first = value[field].bytes.first
    guard first != UInt8(ascii: "{"), first != UInt8(ascii: "[") else {
      throw malformed("\(field.key.quoted) is an object or an array, not a text", value)
    }
    value[field].form = .text
    value.line = nil
  }

  /// Checks a flag: true, false or null; also as text, in any case.
  private func checkFlag(_ field: ValueField, _ value: ValueRecord) throws {
    let cell = value[field]
    if cell.form == .null { return }
    let word = cell.bytes.map { $0 | 0x20 }
    if cell.form == .json, word == Self.true || word == Self.false { return }
    switch word {
    case Self.true: value[field] = Self.trueCell
    case Self.false: value[field] = Self.falseCell
    case Self.null, []: value[field] = .absent
    default: throw malformed("\(field.key.quoted) is neither true nor false", value)
    }
    value.line = nil
  }

  private static let `true` = Array("true".utf8)
  private static let `false` = Array("false".utf8)
  private static let null = Array("null".utf8)
  nonisolated(unsafe) private static let trueBytes = KeptBytes(`true`)
  nonisolated(unsafe) private static let falseBytes = KeptBytes(`false`)
  private static var trueCell: Cell { Cell(form: .json, start: trueBytes.start, count: 4) }
  private static var falseCell: Cell { Cell(form: .json, start: falseBytes.start, count: 5) }

  private func malformed(_ problem: String, _ value: ValueRecord) -> CommandFailure {
    .malformed(inputName, value.place, problem)
  }
}

/// Bytes whose memory does not move.
final class KeptBytes {
  let start: UnsafePointer<UInt8>
  let count: Int

  init(_ bytes: some Collection<UInt8>) {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
    _ = memory.initialize(from: bytes)
    start = UnsafePointer(memory.baseAddress!)
    count = bytes.count
  }

  deinit { start.deallocate() }

  /// The bytes as the text of a cell.
  var cell: Cell { Cell(form: .text, start: start, count: count) }
}
