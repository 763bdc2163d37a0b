/// Decides when to try a value beside the best one: often at first, rarely later, above and below in turn, without end.
package struct LookAround: Sendable {
  private let firstPause: Int
  private let longestPause: Int
  private var turn = 0
  private var next: Int
  private var looks = 0

  /// - Parameters:
  ///   - firstPause: turns before the first look, and before the second one.
  ///   - longestPause: the most turns from one look to the next.
  package init(firstPause: Int, longestPause: Int) {
    self.firstPause = firstPause
    self.longestPause = longestPause
    next = firstPause
  }

  /// The direction of the next turn: 1 to try above, -1 to try below, 0 to stay with the best.
  package mutating func direction() -> Int {
    turn += 1
    guard turn >= next else { return 0 }
    next = turn + max(firstPause, min(longestPause, turn / 3))
    looks += 1
    return looks.isMultiple(of: 2) ? 1 : -1
  }
}
