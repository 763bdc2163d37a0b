import D2Common

/// Values that have become one by the mapping: several of one key are added up. All keys are held until the input ends.
struct ValueSums {
  private struct Entry {
    /// The first line of the key.
    var line: [UInt8]
    /// Where its value stands in it.
    var value: Range<Int>
    var isText: Bool
    var sum: Decimal?
    var count: Int
  }

  private var places: [[UInt8]: Int] = [:]
  private var entries: [Entry] = []
  private let scratch = DataValueLine.Scratch()

  private static let keys: [DataValueLine.Key] = [
    .dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .dataSet,
  ]

  /// Takes a mapped line.
  ///
  /// - Throws: `CommandFailure`, 65, where a key comes twice and a value is no number.
  mutating func add(_ mapped: ArraySlice<UInt8>, line number: Int) throws {
    try PaddedLine.copying(mapped) { line in
      let located: DataValueLine
      do { located = try DataValueLine(line, scratch) } catch {
        throw CommandFailure(.malformedInput, "line \(number): \(error)")
      }
      // A deleted value adds nothing.
      if located.isTrue(.deleted) { return }
      for key in [DataValueLine.Key.categoryOptionCombo, .attributeOptionCombo] {
        guard let problem = located.comboProblem(key) else { continue }
        throw CommandFailure(.malformedInput, "line \(number): \(problem)")
      }
      var key: [UInt8] = []
      for name in Self.keys {
        key += (located.text(name) ?? "").utf8
        key.append(0)
      }
      let field = located[.value]
      let sum = Decimal(located.bytes(field))
      guard let place = places[key] else {
        places[key] = entries.count
        let start = Int(field.start)
        entries.append(
          Entry(
            line: Array(mapped), value: start..<start + Int(field.length), isText: field.kind == .string, sum: sum,
            count: 1))
        return
      }
      guard let sum, let before = entries[place].sum, let total = before + sum else {
        throw CommandFailure(
          .malformedInput,
          "line \(number): its key came before, but the values cannot be added: \(located.text(.value)?.debugDescription ?? "none")"
        )
      }
      entries[place].sum = total
      entries[place].count += 1
    }
  }

  /// The lines in the order in which their keys came first; the value of a sum in the place of the first.
  func forEach(_ body: ([UInt8]) throws -> Void) throws {
    for entry in entries {
      guard entry.count > 1, let sum = entry.sum else {
        try body(entry.line)
        continue
      }
      try body(
        Array(entry.line[..<entry.value.lowerBound]) + Array(sum.description.utf8)
          + Array(entry.line[entry.value.upperBound...]))
    }
  }
}
