/// Counts how often each reason was given.
package struct ReasonCounts: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  package private(set) var counts: [String: Int] = [:]

  package init() {}

  package init(dictionaryLiteral elements: (String, Int)...) {
    counts = Dictionary(elements, uniquingKeysWith: +)
  }

  /// Counts a reason.
  ///
  /// - Parameter most: how many different reasons are counted. A new one beyond them is ignored.
  package mutating func add(_ reason: String, times: Int = 1, ofAtMost most: Int = .max) {
    if counts.count < most || counts[reason] != nil { counts[reason, default: 0] += times }
  }

  /// Adds the counts of others.
  package mutating func add(_ others: ReasonCounts, ofAtMost most: Int = .max) {
    for (reason, count) in others.counts { add(reason, times: count, ofAtMost: most) }
  }

  /// The most frequent reasons, in descending order.
  package func commonest(_ most: Int = .max) -> [(reason: String, count: Int)] {
    counts.map { (reason: $0.key, count: $0.value) }
      .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }.prefix(most).map { $0 }
  }

  /// The counts as objects with `reason` and `count`.
  package func json(_ most: Int = .max) -> JSONValue {
    .array(commonest(most).map { ["reason": .string($0.reason), "count": .int($0.count)] })
  }
}
