import D2Common

/// Adds up values that have the same key after the mapping. It keeps all keys in memory until the input ends.
///
/// A line without a data element is a registration. It cannot be added up, and comes after the values.
struct ValueSums {
  private struct Entry {
    /// The first line of the key that is not a deletion, or else the first line.
    var line: [UInt8]
    /// The range of its value in the line.
    var value: Range<Int>
    var sum: Decimal?
    /// How many lines are not deletions.
    var count: Int
    var deletions: Int
  }

  private var places: [[UInt8]: Int] = [:]
  private var entries: [Entry] = []
  private var registrationPlaces: [[UInt8]: Int] = [:]
  private var registrations: [[UInt8]] = []
  /// How many deletions have no effect, because their keys also have values.
  private(set) var deletionsWithoutEffect = 0
  private let scratch = DataValueLine.Scratch()

  private static let keys: [DataValueLine.Key] = [
    .dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .dataSet,
  ]
  private static let registrationKeys: [DataValueLine.Key] = [
    .dataSet, .period, .organisationUnit, .orgUnit, .attributeOptionCombo,
  ]

  /// Takes a mapped line.
  ///
  /// - Throws: `CommandFailure`, 65 if a key occurs twice and a value is not a number.
  mutating func add(_ mapped: ArraySlice<UInt8>, line number: Int) throws {
    try PaddedLine.copying(mapped) { line in
      let located: DataValueLine
      do { located = try DataValueLine(line, scratch) } catch {
        throw CommandFailure(.malformedInput, "line \(number): \(error)")
      }
      if located[.dataElement].kind == .absent { return addRegistration(located, mapped) }
      for key in [DataValueLine.Key.categoryOptionCombo, .attributeOptionCombo] {
        guard let problem = located.comboProblem(key) else { continue }
        throw CommandFailure(.malformedInput, "line \(number): \(problem)")
      }
      try addValue(located, mapped, line: number)
    }
  }

  private static func key(_ line: DataValueLine, _ names: [DataValueLine.Key]) -> [UInt8] {
    var key: [UInt8] = []
    for name in names {
      key += (line.text(name) ?? "").utf8
      key.append(0)
    }
    return key
  }

  /// The last registration of a key wins, as it would at the destination.
  private mutating func addRegistration(_ located: DataValueLine, _ mapped: ArraySlice<UInt8>) {
    let key = Self.key(located, Self.registrationKeys)
    if let place = registrationPlaces[key] {
      registrations[place] = Array(mapped)
    } else {
      registrationPlaces[key] = registrations.count
      registrations.append(Array(mapped))
    }
  }

  private mutating func addValue(_ located: DataValueLine, _ mapped: ArraySlice<UInt8>, line number: Int) throws {
    let key = Self.key(located, Self.keys)
    let field = located[.value]
    let isDeletion = located.isTrue(.deleted)
    let start = Int(field.start)
    let entry = Entry(
      line: Array(mapped), value: start..<start + Int(field.length), sum: Decimal(located.bytes(field)),
      count: isDeletion ? 0 : 1, deletions: isDeletion ? 1 : 0)
    guard let place = places[key] else {
      places[key] = entries.count
      entries.append(entry)
      return
    }
    guard !isDeletion else { return addDeletion(at: place) }
    guard entries[place].count > 0 else {
      deletionsWithoutEffect += entries[place].deletions
      entries[place] = entry
      return
    }
    guard let sum = entry.sum, let before = entries[place].sum, let total = before + sum else {
      throw CommandFailure(
        .malformedInput,
        "line \(number): its key came before, but the values cannot be added: \(located.text(.value)?.debugDescription ?? "none")"
      )
    }
    entries[place].sum = total
    entries[place].count += 1
  }

  private mutating func addDeletion(at place: Int) {
    if entries[place].count > 0 { deletionsWithoutEffect += 1 } else { entries[place].deletions += 1 }
  }

  /// The lines, in the order of the keys' first lines. The sum replaces the value of the first line.
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
    for line in registrations { try body(line) }
  }
}
