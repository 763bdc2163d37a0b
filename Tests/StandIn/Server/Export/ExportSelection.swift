import D2Common

/// Finds the rows of a query.
struct ExportSelection {
  let metadata: Metadata
  let version: ServerVersion

  /// The positions of the rows in the version's order, with offset and limit applied.
  func rows(_ query: ExportQuery, _ store: ValueStore) -> [Int32] {
    var found: [Int32] = []
    let periods = query.periods ?? Array(0..<Int32(store.periods.count))
    let elements = flags(query.elements, metadata.dataElements.count)
    let units = unitFlags(query)
    let limit = version.hasDataEntryPipeline ? Int.max : query.limit ?? Int.max
    for period in periods {
      let dates = store.periods[Int(period)]
      if query.periods == nil {
        if let start = query.start, let end = query.end, dates.start.dayNumber < start || dates.end.dayNumber > end {
          continue
        }
      }
      for position in store.byPeriod[Int(period)] {
        let row = store.rows[Int(position)]
        guard elements[Int(row.key.element)], units[Int(row.key.unit)], query.includeDeleted || !row.isDeleted else {
          continue
        }
        if !query.attributeCombos.isEmpty, !query.attributeCombos.contains(row.key.attributeCombo) { continue }
        if !query.optionCombos.isEmpty, !query.optionCombos.contains(row.key.optionCombo) { continue }
        if let since = query.updatedSince, query.localTime.local(row.lastUpdated) < since { continue }
        if !query.hiddenAttributeCombos.isEmpty, query.hiddenAttributeCombos.contains(row.key.attributeCombo) {
          continue
        }
        if found.count >= limit { return found }
        found.append(position)
      }
    }
    guard version.hasDataEntryPipeline else { return found }
    sort(&found, query, store)
    let rest = found.dropFirst(query.offset)
    return Array(query.limit.map { rest.prefix($0) } ?? rest)
  }

  private func flags(_ positions: Set<Int32>, _ count: Int) -> [Bool] {
    var flags = [Bool](repeating: false, count: count)
    for position in positions { flags[Int(position)] = true }
    return flags
  }

  private func unitFlags(_ query: ExportQuery) -> [Bool] {
    var flags = flags(query.units, metadata.organisationUnits.count)
    guard !query.subtrees.isEmpty || query.level != nil else { return flags }
    for (position, unit) in metadata.organisationUnits.enumerated() {
      if query.subtrees.contains(where: { $0.contains(unit.enter) }) { flags[position] = true }
      if let level = query.level, unit.level != level { flags[position] = false }
    }
    return flags
  }

  /// The order from 2.43 on: by period, time of creation and data element; or as requested.
  private func sort(_ found: inout [Int32], _ query: ExportQuery, _ store: ValueStore) {
    let elementOrder = ranks(metadata.dataElements.map(\.uid))
    let unitOrder = ranks(metadata.organisationUnits.map(\.uid))
    let orders = (query.order?.split(separator: ",").map { $0.uppercased() } ?? []) + ["PE", "CREATED", "DE"]
    let periods = store.periods
    let rows = store.rows
    found.sort { first, second in
      let a = rows[Int(first)]
      let b = rows[Int(second)]
      for order in orders {
        switch order {
        case "PE":
          let x = periods[Int(a.key.period)]
          let y = periods[Int(b.key.period)]
          if x.start != y.start { return x.start < y.start }
          if x.end != y.end { return x.end < y.end }
        case "CREATED": if a.created != b.created { return a.created < b.created }
        case "DE":
          let x = elementOrder[Int(a.key.element)]
          let y = elementOrder[Int(b.key.element)]
          if x != y { return x < y }
        case "OU":
          let x = unitOrder[Int(a.key.unit)]
          let y = unitOrder[Int(b.key.unit)]
          if x != y { return x < y }
        case "AOC":
          if a.key.attributeCombo != b.key.attributeCombo { return a.key.attributeCombo < b.key.attributeCombo }
        default: break
        }
      }
      return first < second
    }
  }

  private func ranks(_ uids: [String]) -> [Int] {
    var ranks = [Int](repeating: 0, count: uids.count)
    for (rank, position) in uids.indices.sorted(by: { uids[$0] < uids[$1] }).enumerated() { ranks[position] = rank }
    return ranks
  }
}
