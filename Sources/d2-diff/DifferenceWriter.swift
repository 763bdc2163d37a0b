import D2Common

/// Writes differences: first the source's in the order of its lines, then the destination's extra values in the order
/// of its lines.
struct DifferenceWriter {
  private let comparison: Comparison
  private let findings: [Findings]
  private let source: LineFetcher
  private let destination: LineFetcher

  init(_ comparison: Comparison, _ findings: [Findings]) {
    self.comparison = comparison
    self.findings = findings
    source = LineFetcher(comparison.source)
    destination = LineFetcher(comparison.destination)
  }

  private func forEach(
    _ records: (Findings) -> PartitionedRecords<Difference>, _ body: (Difference) throws -> Void
  ) throws {
    for partition in 0..<Comparison.outputPartitions {
      var differences: [Difference] = []
      for found in findings { try records(found).forEach(in: partition) { differences.append($0) } }
      differences.sort { $0.place.offset < $1.place.offset }
      for difference in differences { try body(difference) }
    }
  }

  // MARK: Lines to push

  /// Writes the lines of the differences, byte for byte.
  ///
  /// - Parameter deletesExtras: whether to write the destination's extra values as deleted.
  func writeLines(to output: LineOutput, deletesExtras: Bool) throws {
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    let lineEnd: [UInt8] = [0x0A]
    try forEach(\.ofSource) { difference in
      try source.withLine(at: difference.place) { try output.write(nothing, $0.bytes, lineEndMissing: true) }
    }
    let scratch = DataValueLine.Scratch()
    try forEach(\.ofDestination) { difference in
      try destination.withLine(at: difference.place) { text in
        guard deletesExtras else { return try output.write(nothing, text.bytes, lineEndMissing: true) }
        try (try DataValueLine(text, scratch).deletion + lineEnd).withUnsafeBytes {
          try output.write(nothing, $0, lineEndMissing: false)
        }
      }
    }
    try output.flush()
  }

  // MARK: Rows to read

  static let columns = [
    "difference", "dataSet", "dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo",
    "source", "destination",
  ]

  /// Writes a row for each difference.
  ///
  /// - Parameter most: the limit of rows, for a table on a terminal.
  /// - Returns: how many rows are left out.
  func writeRows(to listing: inout Listing, most: Int) throws -> Int {
    var count = 0
    let scratch = DataValueLine.Scratch()
    func add(_ difference: Difference) throws {
      count += 1
      guard count <= most else { return }
      let isOfSource = difference.kind.isOfSource
      var other: JSONValue = .null
      if difference.hasOther {
        other = try Self.value(isOfSource ? destination : source, difference.other, scratch)
      }
      let isDeleted = difference.kind == .deleted
      let row = try Self.row(isOfSource ? source : destination, difference, scratch)
      try listing.add(
        .object(
          row + [
            .init("source", isOfSource && !isDeleted ? try Self.value(source, difference.place, scratch) : .null),
            .init("destination", isOfSource ? other : try Self.value(destination, difference.place, scratch)),
          ]))
    }
    try forEach(\.ofSource, add)
    try forEach(\.ofDestination, add)
    try listing.finish()
    return max(0, count - most)
  }

  private static func row(
    _ lines: LineFetcher, _ difference: Difference, _ scratch: DataValueLine.Scratch
  ) throws -> [JSONValue.Member] {
    try lines.withLine(at: difference.place) {
      let line = try DataValueLine($0, scratch)
      func text(_ keys: DataValueLine.Key...) -> JSONValue {
        keys.lazy.compactMap { line.text($0) }.first.map { .string($0) } ?? .null
      }
      return [
        .init("difference", .string(difference.kind.name)), .init("dataSet", text(.dataSet)),
        .init("dataElement", text(.dataElement)), .init("period", text(.period)),
        .init("orgUnit", text(.orgUnit, .organisationUnit)), .init("categoryOptionCombo", text(.categoryOptionCombo)),
        .init("attributeOptionCombo", text(.attributeOptionCombo)),
      ]
    }
  }

  private static func value(
    _ lines: LineFetcher, _ place: LinePlace, _ scratch: DataValueLine.Scratch
  ) throws -> JSONValue {
    try lines.withLine(at: place) {
      let line = try DataValueLine($0, scratch)
      return .string(line.text(line.dataKind == .registrations ? .completed : .value) ?? "")
    }
  }
}
