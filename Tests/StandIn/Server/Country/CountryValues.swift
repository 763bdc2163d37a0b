import D2Common

/// Fills a country with plausible data values.
struct CountryValues {
  private static let remarks = [
    "Nothing to report", "Roof \"leaks\" again", "line 1\nline 2", "back\\slash and tab\there", "déjà vu – ünïcødé",
    "日本語",
    "😀 well", "comma, semicolon; pipe|", "<b>not HTML</b> & co", "null", "ends with a backslash \\",
  ]
  private static let comments = ["checked", "estimated, \"by eye\"", "late\nagain", "à vérifier", "🙈"]
  private static let people = ["admin", "nurse.akello", "clerk2", "josé"]

  private let metadata: Metadata
  private let now: Int64
  private var random: Random

  /// Stores `count` values, or as many as fit into the years, evenly distributed.
  static func fill(
    _ store: inout ValueStore, _ metadata: Metadata, count: Int, years: ClosedRange<Int>, seed: UInt64, now: Int64
  ) {
    var filler = CountryValues(metadata: metadata, now: now, random: Random(seed: seed &+ 2))
    filler.fill(&store, count, years)
  }

  private mutating func fill(_ store: inout ValueStore, _ count: Int, _ years: ClosedRange<Int>) {
    let today = CalendarDate(dayNumber: Int(now / 86_400_000))
    var capacity = 0
    var slots: [(set: Int, periods: [Period], units: [Int], cells: [(element: Int, combo: Int)])] = []
    for (index, set) in metadata.dataSets.enumerated() {
      let periods = CountryValues.periods(set.periodType, years).filter { $0.end < today }
      let units = set.units.filter { unit in
        metadata.organisationUnits[unit].closed.map { closed in periods.allSatisfy { $0.end.dayNumber <= closed } }
          ?? true
      }
      let cells = set.elements.flatMap { element in
        metadata.categoryCombos[metadata.dataElements[element].combo].optionCombos.map { (element, $0) }
      }
      slots.append((index, periods, units, cells))
      capacity += periods.count * units.count * cells.count
    }
    guard capacity > 0 else { return }
    store.reserve(min(count, capacity))
    var seen = 0
    for slot in slots {
      let attributes = metadata.categoryCombos[metadata.dataSets[slot.set].combo].optionCombos
      for period in slot.periods {
        let position = store.position(of: period)
        for unit in slot.units {
          for cell in slot.cells {
            let before = seen * count / capacity
            seen += 1
            guard count >= capacity || seen * count / capacity > before else { continue }
            let attribute = attributes[random.below(attributes.count)]
            let key = ValueKey(
              element: Int32(cell.element), period: position, unit: Int32(unit), optionCombo: Int32(cell.combo),
              attributeCombo: Int32(attribute))
            store.insert(row(key, metadata.dataElements[cell.element], period, &store))
          }
        }
      }
    }
  }

  /// The periods of a type whose ids have these years.
  static func periods(_ type: PeriodType, _ years: ClosedRange<Int>) -> [Period] {
    let first = CalendarDate(year: years.lowerBound, month: 1, day: 1)!
    let last = CalendarDate(year: years.upperBound, month: 12, day: 31)!
    return type.periods(overlapping: first...last).filter { years.contains(Int($0.id.prefix(4))!) }
  }

  private mutating func row(_ key: ValueKey, _ element: DataElement, _ period: Period, _ store: inout ValueStore)
    -> ValueRow
  {
    let chance = random.below(1000)
    // Reports come some days after the period's end.
    let written = min(
      now, Int64(period.end.dayNumber + 2 + random.below(20)) * 86_400_000 + Int64(random.below(86_400)) * 1000)
    var row = ValueRow(
      key: key, value: value(element), storedBy: store.position(ofText: Self.people[random.below(Self.people.count)]),
      created: written, lastUpdated: written, followUp: chance < 5)
    if chance % 50 == 7 { row.comment = store.position(ofText: Self.comments[random.below(Self.comments.count)]) }
    if chance % 200 == 11 {
      row.isDeleted = true
      row.lastUpdated = min(now, written + 86_400_000)
    }
    return row
  }

  private mutating func value(_ element: DataElement) -> String {
    if let options = element.optionSet {
      let codes = metadata.optionSets[options].codes
      return codes[random.below(codes.count)]
    }
    switch element.valueType {
    case "NUMBER": return "\(random.below(1000)).\(random.below(10))"
    case "PERCENTAGE": return String(random.below(101))
    case "BOOLEAN": return random.below(2) == 0 ? "true" : "false"
    case "DATE": return CalendarDate(year: 2020, month: 1, day: 1)!.adding(days: random.below(1500)).description
    case "TEXT", "LONG_TEXT": return Self.remarks[random.below(Self.remarks.count)]
    // Small numbers are the most frequent.
    default: return String(random.below(1 << (1 + random.below(11))))
    }
  }
}
