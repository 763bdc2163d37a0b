import D2Common
import D2Mapping
import D2Store

/// What to do with unmapped ids, of a kind that the table has.
enum Unmapped: String, CaseIterable {
  case pass, drop, fail
}

/// One run: reads lines, replaces their ids, and writes them. All other bytes stay as they are.
struct MapRun {
  private let table: MappingTable
  private let unmapped: Unmapped
  private let output = LineOutput.standardOutput()
  private let log: Log
  private var counts = Counts()
  private var sums: ValueSums?
  /// The end lines of the pulls in the input.
  private var ends: [EndLine] = []
  /// Whether the input has fewer lines than an end line says.
  private var lacksLines = false

  private struct Counts {
    var read = 0
    var written = 0
    var changed = 0
    var dropped = 0
    var unmapped = 0
  }

  /// How many bytes are buffered before a write.
  private static let gatheredBytes = 256 * 1024

  init(_ table: MappingTable, _ unmapped: Unmapped, sums: Bool, _ log: Log) {
    self.table = table
    self.unmapped = unmapped
    self.log = log
    self.sums = sums ? ValueSums() : nil
  }

  mutating func run() throws -> ExitStatus {
    var gathered: [UInt8] = []
    gathered.reserveCapacity(Self.gatheredBytes + 64 * 1024)
    do { try mapAll(&gathered) } catch {
      // Write the lines before the fault.
      try? write(&gathered)
      try? output.flush()
      throw error
    }
    try write(&gathered)
    try output.flush()
    log.info(
      "read \(counts.read), written \(counts.written): \(counts.changed) changed, \(counts.dropped) dropped, \(counts.unmapped) with ids that are not in the table"
    )
    return .success
  }

  private mutating func mapAll(_ gathered: inout [UInt8]) throws {
    var reader = LineReader(descriptor: 0)
    let scratch = DataValueLine.Scratch()
    let kinds = table.mappedKinds
    while let text = try reader.next() {
      if text.isBlank { continue }
      let line: DataValueLine
      do throws(DataValueLine.Fault) {
        line = try DataValueLine(text, scratch)
        if let problem = ForeignInput.document(in: line) { throw .init(problem) }
      } catch {
        throw CommandFailure(.malformedInput, "line \(reader.number): \(error)")
      }
      // An end line has none of the keys of values.
      if line.keys.present.isEmpty, let end = EndLine(text.bytes) {
        ends.append(end)
        if counts.read < end.values { lacksLines = true }
        continue
      }
      counts.read += 1
      let start = gathered.count
      guard try append(line, text.bytes, kinds, reader.number, to: &gathered) else { continue }
      if sums != nil {
        let mapped = gathered[start...]
        gathered.removeLast(gathered.count - start)
        try sums!.add(mapped, line: reader.number)
        continue
      }
      try endLine(in: &gathered)
    }
    try sums?.forEach { line in
      gathered += line
      try endLine(in: &gathered)
    }
    appendEnds(to: &gathered)
    let lost = sums?.deletionsWithoutEffect ?? 0
    if lost > 0 {
      log.warning(
        "--sum: \(counted(lost, "deletion"))\(verbForm(lost, "has", "have")) no effect: the same key has values that are added up"
      )
    }
  }

  /// Ends a line in the buffer, and writes the buffer if it is full.
  private mutating func endLine(in gathered: inout [UInt8]) throws {
    gathered.append(0x0A)
    counts.written += 1
    if gathered.count >= Self.gatheredBytes { try write(&gathered) }
  }

  /// Appends the end lines of the input, adjusted to the output.
  private func appendEnds(to gathered: inout [UInt8]) {
    guard !ends.isEmpty else { return }
    do throws(EndLineMapping.Obstacle) {
      if counts.dropped > 0 {
        throw .init(
          description: counted(counts.dropped, "value") + verbForm(counts.dropped, "was", "were") + " dropped")
      }
      if lacksLines { throw .init(description: "the input has fewer lines than it tells of") }
      let mapping = EndLineMapping(table: table, unmapped: unmapped)
      var lines: [String] = []
      for end in ends { lines.append(try mapping.mapped(end, values: counts.written).text) }
      for line in lines { gathered += Array("\(line)\n".utf8) }
    } catch {
      let (dropped, those) = (counts.dropped, verbForm(counts.dropped, "it", "them"))
      let what = dropped > 0 ? "what the destination has of\(those)" : "too much"
      log.warning("the end line is left out, since \(error): d2-push --replace would delete \(what)")
    }
  }

  private func write(_ gathered: inout [UInt8]) throws {
    try gathered.withUnsafeBytes { try output.write($0) }
    gathered.removeAll(keepingCapacity: true)
  }

  /// The range of an id in the line, and its replacement.
  private struct Replacement {
    let start: Int
    let end: Int
    let target: [UInt8]
    /// Whether to add quotes, because the id was a number.
    let needsQuotes: Bool

    /// Whether it differs from what the line holds. A table may map an id to itself.
    func changes(_ line: UnsafeRawBufferPointer) -> Bool { needsQuotes || !line[start..<end].elementsEqual(target) }
  }

  /// The target for the text of a key.
  @inline(__always)
  private static func target(
    _ key: DataValueLine.Key, of line: DataValueLine, in table: IDTable
  ) -> MappingTable.Target? {
    let (field, bytes) = (line[key], line.bytes(line[key]))
    if let target = table[bytes] { return target }
    // Another spelling of the same text.
    guard !line.isPlain, field.kind == .string, bytes.contains(UInt8(ascii: "\\")), let text = line.text(key) else {
      return nil
    }
    return MappingTable.escaped(text).withUnsafeBytes { table[$0] }
  }

  /// Appends the line with its ids replaced; false if it is dropped.
  private mutating func append(
    _ line: DataValueLine, _ bytes: UnsafeRawBufferPointer, _ kinds: [(key: DataValueLine.Key, table: IDTable)],
    _ number: Int, to out: inout [UInt8]
  ) throws(CommandFailure) -> Bool {
    var replacements: [Replacement] = []
    var isUnmapped = false
    for (key, table) in kinds {
      let field = line[key]
      guard field.kind == .string || field.kind == .number else { continue }
      switch Self.target(key, of: line, in: table) {
      case .id(let id)?:
        replacements.append(
          Replacement(
            start: Int(field.start), end: Int(field.start + field.length), target: id,
            needsQuotes: field.kind == .number))
      case .drop?:
        counts.dropped += 1
        return false
      case nil:
        // The table may list only some values, so others pass.
        if key == .value { continue }
        isUnmapped = true
        guard unmapped != .fail else {
          throw CommandFailure(
            .malformedInput, "line \(number): \(key.name) \(line.text(key)?.debugDescription ?? "") is not in the table"
          )
        }
      }
    }
    if isUnmapped {
      counts.unmapped += 1
      if unmapped == .drop {
        counts.dropped += 1
        return false
      }
    }
    if replacements.contains(where: { $0.changes(bytes) }) { counts.changed += 1 }
    Self.append(bytes, &replacements, to: &out)
    return true
  }

  @inline(__always)
  private static func append(
    _ bytes: UnsafeRawBufferPointer, _ replacements: inout [Replacement], to out: inout [UInt8]
  ) {
    // Sort in place, and only if there are several: even a sort of one item costs time, and a sorted copy costs more.
    if replacements.count > 1 { replacements.sort { $0.start < $1.start } }
    var at = 0
    for replacement in replacements {
      out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[at..<replacement.start]))
      if replacement.needsQuotes { out.append(UInt8(ascii: "\"")) }
      out += replacement.target
      if replacement.needsQuotes { out.append(UInt8(ascii: "\"")) }
      at = replacement.end
    }
    out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[at...]))
  }
}
