import D2Common

/// A line that is not a data value of this server.
struct LineError: Error, CustomStringConvertible {
  let line: Int
  let problem: String
  var description: String { "line \(line): \(problem)" }
}

extension Server {
  /// Stores values as given, one JSON object on each line. No import rule applies, and `followup` has the spelling of
  /// exports in every version.
  func loadValues(_ text: [UInt8]) throws -> Int {
    let periods = PeriodCache(version)
    return try state.withLock { state in
      // Not before the lock: a question about later changes would never find values that came in late.
      let now = clock.now
      var count = 0
      var start = 0
      while start < text.count {
        let end = text[start...].firstIndex(of: 0x0A) ?? text.count
        defer { start = end + 1 }
        let line = text[start..<end]
        if line.allSatisfy({ $0 <= 0x20 }) { continue }
        count += 1
        do {
          let value = try ValueScanner.value(line, .v42) ?? IncomingValue(JSONValue(reading: line), .v42)
          state.values.insert(try row(value, now, &state.values, periods))
        } catch { throw LineError(line: count, problem: "\(error)") }
      }
      return count
    }
  }

  private func row(
    _ value: IncomingValue, _ now: Int64, _ store: inout ValueStore, _ periods: PeriodCache
  ) throws -> ValueRow {
    struct Unknown: Error, CustomStringConvertible { let description: String }
    func position(_ what: String, _ id: String?, _ known: [String: Int], _ missing: Int?) throws -> Int32 {
      guard let id else {
        guard let missing else { throw Unknown(description: "no \(what)") }
        return Int32(missing)
      }
      guard let found = known[id] else { throw Unknown(description: "unknown \(what) \(id)") }
      return Int32(found)
    }
    guard let period = value.period.flatMap({ periods[$0] }) else { throw Unknown(description: "no period") }
    let metadata = self.metadata
    let combos = metadata.categoryOptionComboByUid
    let key = ValueKey(
      element: try position("dataElement", value.dataElement, metadata.dataElementByUid, nil),
      period: store.position(of: period),
      unit: try position("orgUnit", value.orgUnit, metadata.organisationUnitByUid, nil),
      optionCombo: try position(
        "categoryOptionCombo", value.categoryOptionCombo, combos, metadata.defaultOptionCombo),
      attributeCombo: try position(
        "attributeOptionCombo", value.attributeOptionCombo, combos, metadata.defaultOptionCombo))
    return ValueRow(
      key: key, value: value.value, comment: store.position(ofText: value.comment),
      storedBy: store.position(ofText: value.storedBy ?? "admin"),
      created: value.created.flatMap(Stamp.parse) ?? now, lastUpdated: value.lastUpdated.flatMap(Stamp.parse) ?? now,
      followUp: value.followUp, isDeleted: value.deleted ?? false)
  }

  /// All values, sorted by key, in one form for all versions, so that two servers can be compared.
  func dumpValues() -> [UInt8] {
    state.withLock { state in
      let store = state.values
      let metadata = self.metadata
      func uids(_ row: ValueRow) -> [String] {
        [
          metadata.dataElements[Int(row.key.element)].uid, store.periods[Int(row.key.period)].id,
          metadata.organisationUnits[Int(row.key.unit)].uid,
          metadata.categoryOptionCombos[Int(row.key.optionCombo)].uid,
          metadata.categoryOptionCombos[Int(row.key.attributeCombo)].uid,
        ]
      }
      var out: [UInt8] = []
      // Computed once for each row, not in each comparison.
      let keyed = store.rows.map { (ids: uids($0), row: $0) }
      for (ids, row) in keyed.sorted(by: { $0.ids.lexicographicallyPrecedes($1.ids) }) {
        for (key, id) in zip(
          [
            "{\"dataElement\":\"", "\",\"period\":\"", "\",\"orgUnit\":\"", "\",\"categoryOptionCombo\":\"",
            "\",\"attributeOptionCombo\":\"",
          ],
          ids)
        {
          out += key.utf8
          out += id.utf8
        }
        out += "\",\"value\":".utf8
        out += (row.value.map { JSONValue.string($0) } ?? .null).jackson.utf8
        out += ",\"comment\":".utf8
        out += (store.text(row.comment).map { JSONValue.string($0) } ?? .null).jackson.utf8
        out += ",\"followup\":\(row.followUp ?? false),\"deleted\":\(row.isDeleted)}\n".utf8
      }
      return out
    }
  }
}
