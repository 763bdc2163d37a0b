/// When to look beside what seems best: often at first, seldom later, above and below by turns, and for ever.
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

  /// Another turn: 1 to look above, -1 to look below, 0 to stay with what seems best.
  package mutating func direction() -> Int {
    turn += 1
    guard turn >= next else { return 0 }
    next = turn + max(firstPause, min(longestPause, turn / 3))
    looks += 1
    return looks.isMultiple(of: 2) ? 1 : -1
  }
}
