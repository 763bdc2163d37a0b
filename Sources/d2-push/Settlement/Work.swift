/// Some values of a batch, by their places in it, that are posted together.
struct Work {
  var part: [Int]
  /// The data set that they are sent for, if the values or their elements tell.
  var dataSet: String?
  var history = History()

  /// How it came to be posted.
  struct History {
    /// The server failed (500) over a part that holds this one, twice.
    var hasFailed = false
    /// Requests in a row that were too slow.
    var tooSlow = 0
    /// Posted again because the counts did not add up.
    var isRecount = false
    /// Group failures in a row, of what was left of this part.
    var groupFailures = 0
  }

  /// Other values, posted for the same reason.
  func with(_ part: [Int]) -> Work { Work(part: part, dataSet: dataSet, history: history) }
}

/// What an answer means for the values that were posted. Those that are neither refused nor posted again are settled:
/// stored, or ignored because they are there already.
struct Verdict {
  var refused: [Int: Refusal] = [:]
  /// Whether what the summary counts is stored.
  var counts = false
  /// The server reports on values: it is not broken.
  var isAlive = false
  /// What is posted next, the last first.
  private(set) var work: [Work] = []
  /// Nothing was stored, and it was one value: why, and the server's message.
  var brokeDown: (refusal: Refusal, message: String)?
  /// The server will not guess the data set: each value is sent for those that hold its element.
  var wantsDataSet: Refusal?

  mutating func refuse(_ part: [Int], _ refusal: Refusal) {
    for index in part { refused[index] = refusal }
  }

  mutating func later(_ next: Work) { if !next.part.isEmpty { work.append(next) } }

  /// The first half is posted first.
  mutating func halvesLater(_ next: Work) { for half in next.part.halves { later(next.with(half)) } }
}

extension [Int] {
  /// The second half, and the first.
  var halves: [[Int]] { [Array(self[(count / 2)...]), Array(self[..<(count / 2)])] }
}

/// Tells what an answer means for the values that were posted.
protocol Judge {
  func verdict(on work: Work, _ report: ImportReport) throws -> Verdict
}
