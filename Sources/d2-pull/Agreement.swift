import D2Common

/// Counts of one question's answers, until two agree.
struct Agreement {
  private(set) var counts: [Int]
  private var closed: [Bool]

  init(first: Answer) {
    counts = [first.values]
    closed = [first.closedUnannounced]
  }

  var asked: Int { counts.count }

  mutating func add(_ answer: Answer) {
    counts.append(answer.values)
    closed.append(answer.closedUnannounced)
  }

  /// Why no number is believed, as the end of a sentence.
  var problem: String {
    Set(counts).count == 1
      ? "each of \(asked) answers (\(counted(counts[0], "value"))) bears both marks of a query that failed on the way; --no-check believes them"
      : "the server has another number each time: \(counts.map(String.init).joined(separator: ", "))"
  }

  /// The number that the last answer shares with an earlier one. Where both marks are there each time, a query fails at the same place each time.
  /// Two answers that both bear the mark of a closed connection prove little (a query may be ended at the same row twice): then a third must agree.
  var agreed: Int? {
    let last = counts.last!
    let same = counts.indices.filter { counts[$0] == last }
    if last > 0, last % 1000 == 0, same.allSatisfy({ closed[$0] }) { return nil }
    if same.count >= 3 { return last }
    return same.count == 2 && !same.allSatisfy { closed[$0] } ? last : nil
  }
}
