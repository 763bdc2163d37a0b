import D2Common

/// Sums up the values in the tables over the hierarchy and over time, by each data element's aggregation type.
struct AnalyticsSums {
  /// The place of a sum: positions in the request, and combos if they are requested (otherwise -1).
  struct Cell: Hashable {
    var item: Int
    var period: Int
    var unit: Int
    var optionCombo: Int32 = -1
    var attributeCombo: Int32 = -1
  }

  let query: AnalyticsQuery
  let metadata: Metadata
  let tables: AnalyticsTables

  /// All sums, in any order.
  func values() -> [(cell: Cell, value: Double)] {
    let plain = query.items.enumerated().filter { $0.element.isOfElement }
    var found = sums(plain.map { ($0.offset, $0.element) }, byCombos: true)
    for (position, item) in query.items.enumerated() {
      switch item {
      case .indicator(let indicator):
        let indicator = metadata.indicators[indicator]
        found += ratios(position, indicator.numerator, indicator.denominator, indicator.factor)
      case .programIndicator(let indicator):
        found += ratios(position, metadata.programIndicators[indicator].expression, "1", 1)
      case .reportingRate(let set, let rate): found += rates(position, set, rate)
      default: break
      }
    }
    return found
  }

  // MARK: - Data elements

  /// Whether there are values for a pair of data element and combo that was not requested, although operands name both.
  /// The server sums up each data element with each combo, and then fails.
  var hasStrayOperands: Bool {
    let operands = query.items.compactMap { item in
      if case .operand(let element, let combo) = item { [element, combo] } else { nil }
    }
    let asked = Set(operands)
    let (elements, combos) = (Set(operands.map { $0[0] }), Set(operands.map { $0[1] }))
    return tables.values.rows.contains { row in
      let pair = [Int(row.key.element), Int(row.key.optionCombo)]
      return !row.isDeleted && elements.contains(pair[0]) && combos.contains(pair[1]) && !asked.contains(pair)
        && query.periods.contains { $0.gathers(tables.values.periods[Int(row.key.period)]) }
    }
  }

  private func sums(
    _ items: [(position: Int, item: AnalyticsItem)], byCombos: Bool
  ) -> [(cell: Cell, value: Double)] {
    var byElement: [Int32: [(position: Int, combo: Int32?)]] = [:]
    for (position, item) in items {
      guard let element = item.element, metadata.dataElements[element].isAggregated else { continue }
      var combo: Int32?
      if case .operand(_, let only) = item { combo = Int32(only) }
      byElement[Int32(element), default: []].append((position, combo))
    }
    let unitsAbove = askedUnits()
    var sums: [Cell: RunningSum] = [:]
    for (position, rows) in tables.values.byPeriod.enumerated() where !rows.isEmpty {
      let period = tables.values.periods[position]
      let asked = query.periods.indices.filter { query.periods[$0].gathers(period) }
      guard !asked.isEmpty else { continue }
      for row in rows.lazy.map({ tables.values.rows[Int($0)] }) where !row.isDeleted {
        guard let members = byElement[row.key.element], let value = Self.number(row.value),
          query.attributeCombos?.contains(Int(row.key.attributeCombo)) ?? true,
          query.optionCombos?.contains(Int(row.key.optionCombo)) ?? true
        else { continue }
        for member in members where member.combo.map({ $0 == row.key.optionCombo }) ?? true {
          for unit in unitsAbove[Int(row.key.unit)] {
            for time in asked {
              let cell = Cell(
                item: member.position, period: time, unit: unit,
                optionCombo: byCombos && query.byOptionCombo ? row.key.optionCombo : -1,
                attributeCombo: byCombos && query.byAttributeCombo ? row.key.attributeCombo : -1)
              let type = query.aggregationType ?? metadata.dataElements[Int(row.key.element)].aggregationType
              sums[cell, default: RunningSum(type: type)].add(value, row.key, period)
            }
          }
        }
      }
    }
    return sums.map { cell, sum in (cell, sum.result(in: query.periods[cell.period])) }
  }

  /// For each unit, the requested units that it is or is below, by position.
  private func askedUnits() -> [[Int]] {
    let asked = Dictionary(uniqueKeysWithValues: query.units.enumerated().map { ($0.element, $0.offset) })
    return metadata.organisationUnits.indices.map { unit in
      var found: [Int] = []
      var at: Int? = metadata.organisationUnits[unit].isRemoved ? nil : unit
      while let here = at {
        if let position = asked[here] { found.append(position) }
        at = metadata.organisationUnits[here].parent
      }
      return found
    }
  }

  private static func number(_ value: String?) -> Double? {
    switch value {
    case "true": 1
    case "false": 0
    case let text?: Double(text)
    case nil: nil
    }
  }

  // MARK: - Indicators

  private func ratios(
    _ position: Int, _ numerator: String, _ denominator: String, _ factor: Double
  ) -> [(cell: Cell, value: Double)] {
    guard let above = IndicatorExpression(numerator, metadata), let below = IndicatorExpression(denominator, metadata)
    else { return [] }
    let items = Array(Set(above.items + below.items))
    var found: [Cell: Double] = [:]
    for (cell, value) in sums(items.enumerated().map { ($0.offset, $0.element) }, byCombos: false) {
      found[cell] = value
    }
    var values: [(cell: Cell, value: Double)] = []
    for period in query.periods.indices {
      for unit in query.units.indices {
        func value(_ item: AnalyticsItem) -> Double? {
          items.firstIndex(of: item).flatMap { found[Cell(item: $0, period: period, unit: unit)] }
        }
        guard let top = above.value(value), let bottom = below.value(value), bottom != 0 else { continue }
        values.append((Cell(item: position, period: period, unit: unit), top / bottom * factor))
      }
    }
    return values
  }

  // MARK: - Reporting rates

  private func rates(_ position: Int, _ set: Int, _ rate: ReportingRate) -> [(cell: Cell, value: Double)] {
    let dataSet = metadata.dataSets[set]
    let above = askedUnits()
    var expected: [Cell: Double] = [:]
    for (time, period) in query.periods.enumerated() where period.type.lengthOrder >= dataSet.periodType.lengthOrder {
      let reports = dataSet.periodType.periods(overlapping: period.start...period.end).filter(period.gathers).count
      for unit in dataSet.units {
        for asked in above[unit] {
          expected[Cell(item: position, period: time, unit: asked), default: 0] += Double(reports)
        }
      }
    }
    var actual: [Cell: Double] = [:]
    for row in tables.registrations.rows where row.key.dataSet == set && row.completed {
      let period = tables.values.periods[Int(row.key.period)]
      let due = Int64(period.end.dayNumber + 1 + dataSet.timelyDays) * 86_400_000
      guard !rate.isOnTime || row.date < due else { continue }
      for (time, asked) in query.periods.enumerated() where asked.gathers(period) {
        for unit in above[row.key.unit] { actual[Cell(item: position, period: time, unit: unit), default: 0] += 1 }
      }
    }
    return expected.map { cell, expected in
      let came = actual[cell] ?? 0
      return switch rate {
      case .expected: (cell, expected)
      case .actual, .actualOnTime: (cell, came)
      case .rate, .rateOnTime: (cell, min(100, came * 100 / max(expected, 1)))
      }
    }
  }
}

/// The intermediate result of one cell.
private struct RunningSum {
  private let type: String
  private var sum = 0.0
  private var count = 0.0
  private var least = Double.infinity
  private var most = -Double.infinity
  /// The newest value of each unit and combo, for types without a sum over time.
  private var newest: [ValueKey: (end: Int, value: Double)] = [:]

  init(type: String) { self.type = type }

  mutating func add(_ value: Double, _ key: ValueKey, _ period: Period) {
    count += 1
    least = min(least, value)
    most = max(most, value)
    if type.hasPrefix("LAST") {
      var place = key
      place.period = 0
      let end = period.end.dayNumber
      if newest[place].map({ $0.end < end }) ?? true { newest[place] = (end, value) }
    } else if type == "AVERAGE_SUM_ORG_UNIT" {
      sum += value * Double(period.end.dayNumber - period.start.dayNumber + 1)
    } else {
      sum += value
    }
  }

  func result(in period: Period) -> Double {
    switch type {
    case "AVERAGE": sum / count
    case "AVERAGE_SUM_ORG_UNIT": sum / Double(period.end.dayNumber - period.start.dayNumber + 1)
    case "COUNT": count
    case "MIN": least
    case "MAX": most
    case "LAST": newest.values.reduce(0) { $0 + $1.value }
    case "LAST_AVERAGE_ORG_UNIT": newest.values.reduce(0) { $0 + $1.value } / Double(max(1, newest.count))
    default: sum
    }
  }
}

extension DataElement {
  /// Whether analytics compute values for it. Texts silently have none.
  var isAggregated: Bool {
    aggregationType != "NONE" && (ValueTypeRules.isNumeric(valueType) || ["BOOLEAN", "TRUE_ONLY"].contains(valueType))
  }
}

extension PeriodType {
  /// A number for comparing the lengths of periods.
  var lengthOrder: Int {
    let period = period(containing: CalendarDate(year: 2023, month: 6, day: 15)!)
    return period.end.dayNumber - period.start.dayNumber
  }
}

extension Period {
  /// Whether the values of another period count in this one: it has the same or a shorter type, and begins in it.
  func gathers(_ other: Period) -> Bool {
    if other.type == type { return other == self }
    return other.type.lengthOrder < type.lengthOrder && other.start >= start && other.start <= end
  }
}
