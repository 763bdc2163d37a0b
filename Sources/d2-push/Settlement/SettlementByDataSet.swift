import D2Client
import D2Common

extension Settlement {
  /// For a server that does not guess the data set: sends each value for a data set that holds its element. If the
  /// server refuses it there, the next data set follows.
  mutating func settleByDataSet(_ part: [Int], _ reason: Refusal) throws {
    var waiting = part
    var round = 0
    while !waiting.isEmpty {
      var groups: [String: [Int]] = [:]
      for index in waiting {
        let sets = try dataSets(of: index)
        if round < sets.count {
          groups[sets[round], default: []].append(index)
        } else if outcome.refused[index] == nil {
          refuse([index], reason)
        }
      }
      waiting = []
      for (dataSet, group) in groups.sorted(by: { $0.key < $1.key }) {
        waiting += try refused(of: group, by: dataSet).filter { round + 1 < (try dataSets(of: $0)).count }
      }
      round += 1
    }
  }

  /// Sends values for one data set. Returns the refused values that another data set may accept.
  private mutating func refused(of group: [Int], by dataSet: String) throws -> [Int] {
    let before = outcome.refused
    for index in group {
      outcome.refused[index] = nil
      isSettled[index] = false
    }
    try settle(group, dataSet)
    let refused = group.filter { index in
      outcome.refused[index].map { !JudgeByGroup.valueLevelCodes.contains($0.code ?? "") } ?? false
    }
    // Keep the first refusal: it is from the data set with the highest priority.
    for index in refused { if let first = before[index] { outcome.refused[index] = first } }
    return refused
  }

  /// The data sets that a value may be entered for; empty if the user may not read them.
  private func dataSets(of index: Int) throws -> [String] {
    do {
      return try destination.metadata.dataSets(of: ids[index].dataElement)
    } catch let error as ServerError where !error.isRetryable {
      destination.server.log.debug("\(error)")
      return []
    }
  }
}
