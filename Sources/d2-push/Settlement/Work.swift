/// Values of a batch that are posted together, by their indexes in it.
struct Work {
  var part: [Int]
  /// The data set that the values are sent for, if they or their elements determine it.
  var dataSet: String?
  var history = History()

  /// The earlier posts of these values.
  struct History {
    /// The server failed (500) twice over a part that contains this one.
    var hasFailed = false
    /// Requests in a row that were too slow.
    var tooSlow = 0
    /// Whether they are posted again because the counts did not add up.
    var isRecount = false
    /// Whether they are posted without their values. They are deletions whose old value was refused.
    var isWithoutValue = false
    /// How many group failures in a row the rest of this part had.
    var groupFailures = 0
  }

  /// Other values, with the same history.
  func with(_ part: [Int]) -> Work { Work(part: part, dataSet: dataSet, history: history) }
}

/// What an answer means for the posted values. Values that are neither refused nor posted again are settled: the server
/// stored them, or ignored them because it already has them.
struct Verdict {
  var refused: [Int: Refusal] = [:]
  /// Whether the summary's counts are stored values.
  var counts = false
  /// Whether the server reports on values. Then it is not broken.
  var isAlive = false
  /// What to post next, in reverse order.
  private(set) var work: [Work] = []
  /// For a single value of which nothing was stored: the reason and the server's message.
  var brokeDown: (refusal: Refusal, message: String)?
  /// Messages about registrations that the server stored all the same.
  var warnings: [String] = []
  /// The server does not guess the data set. Each value must be sent for the data sets that hold its element.
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

/// Decides what an answer means for the posted values.
protocol Judge {
  func verdict(on work: Work, _ report: ImportReport) throws -> Verdict
}
