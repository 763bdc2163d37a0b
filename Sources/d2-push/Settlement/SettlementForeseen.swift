extension Settlement {
  /// Settles the batch. Values that the server will probably refuse do not share requests with the others.
  mutating func settleAll() throws {
    guard !destination.deletesByScope else {
      for group in DeletionScope.groups(of: Array(batch.values.indices), ids) { try settle(group, batch.dataSet) }
      return
    }
    for (dataSet, values) in groups() {
      let shut = destination.foresight == nil ? [:] : destination.shutUnits(values, ids)
      let apart = Set(shut.values.joined())
      let open = values.filter { !apart.contains($0) }
      let suspects = self.suspects(open, dataSet)
      let others = suspects.isEmpty ? open : open.filter { !suspects.contains($0) }
      if !others.isEmpty { try settle(others, dataSet) }
      if !suspects.isEmpty { try settle(suspects.sorted(), dataSet) }
      try settleShut(shut, dataSet)
    }
  }

  /// The values by data set, if they do not name one themselves and their elements leave no doubt.
  private func groups() -> [(dataSet: String?, values: [Int])] {
    let all = Array(batch.values.indices)
    guard let foresight = destination.foresight, destination.named(batch.dataSet) == nil else {
      return [(batch.dataSet, all)]
    }
    let groups = Dictionary(grouping: all) { foresight.dataSet(of: ids[$0].dataElement) }
    return groups.sorted { ($0.key ?? "") < ($1.key ?? "") }.map { ($0.key, $0.value) }
  }

  /// Values to be sent separately: similar values were refused before, or the data set is not assigned to their unit.
  private func suspects(_ values: [Int], _ dataSet: String?) -> Set<Int> {
    let foresight = destination.foresight
    guard destination.traits.failsWholeGroups, foresight != nil || !destination.memory.isEmpty else { return [] }
    let named = destination.named(dataSet)
    return Set(
      values.filter { index in
        if destination.memory.knows(ids[index], dataSet) { return true }
        return named.map { foresight?.isUnassigned(ids[index].orgUnit, to: $0) ?? false } ?? false
      })
  }

  /// Posts the values unit by unit, until the server has refused often enough as predicted.
  private mutating func settleShut(_ shut: [String: [Int]], _ dataSet: String?) throws {
    guard let foresight = destination.foresight else { return }
    for (unit, values) in shut.sorted(by: { $0.key < $1.key }) {
      if foresight.isProven {
        let dates = destination.metadata.dates(of: [unit])[unit]
        let span = "\(dates?.opening ?? "…") to \(dates?.closing ?? "…")"
        for index in values {
          let text = "org unit \(unit) is open from \(span) at the destination, not when \(ids[index].period) begins"
          refuse([index], Refusal(code: "E8031", message: "\(text): not posted"))
        }
      } else {
        try settle(values, dataSet)
        foresight.learn(wasRefused: values.allSatisfy { outcome.refused[$0]?.code == "E8031" })
      }
    }
  }
}
