import D2Common

/// Finds the newest change at a source with few small requests: "what changed since?", each with a limit.
struct NewestChange: Equatable {
  /// The newest change found; `nil` if there was none in the search period.
  var time: UTCTime?
  /// Whether it is certain that there is no newer change.
  var isExact = true
  /// The beginning of the search period.
  let lookedBackTo: UTCTime

  /// The answer of a source to "what changed since?".
  struct Answer {
    /// The newest of the items; `nil` if there were none.
    let newest: UTCTime?
    /// Whether these are all items, which means fewer than the limit.
    let isAll: Bool
  }

  /// Enough steps to bisect a century down to a second.
  private static let mostHalvings = 32
  private static let firstStepSeconds = 86400
  private static let stepFactor = 4

  /// Asks what changed since the mark. If nothing did, it looks further back step by step. If too much did, it moves
  /// closer to now.
  ///
  /// - Parameters:
  ///   - mark: everything up to this time is delivered. The first request begins here, and usually it is the only one.
  ///   - now: the time by the source's clock.
  ///   - lookBackSeconds: how far back from now to look, if nothing changed since the mark.
  ///   - resolutionSeconds: the precision, if the items have no times.
  static func search(
    since mark: UTCTime?, now: UTCTime, lookBackSeconds: Int, resolutionSeconds: Int = 1,
    ask: (UTCTime) throws -> Answer
  ) rethrows -> NewestChange {
    let end = now.seconds - lookBackSeconds
    var start = min(mark ?? now, now).seconds
    var step = firstStepSeconds
    if mark == nil { start -= step }
    while true {
      let answer = try ask(UTCTime(seconds: start))
      if let newest = answer.newest {
        let found = NewestChange(time: newest, isExact: answer.isAll, lookedBackTo: UTCTime(seconds: start))
        return answer.isAll ? found : try found.narrowed(until: now, resolutionSeconds, ask)
      }
      guard start > end else { return NewestChange(time: nil, lookedBackTo: UTCTime(seconds: start)) }
      start = max(end, start - step)
      step *= stepFactor
    }
  }

  /// Bisects the time between a known change and now, until one answer contains everything newer.
  private func narrowed(
    until now: UTCTime, _ resolutionSeconds: Int, _ ask: (UTCTime) throws -> Answer
  ) rethrows -> NewestChange {
    var found = self
    var newest = max(time!, lookedBackTo).seconds
    var end = now.seconds + 1
    // A server that reads times as days sends more than was requested. Then a full answer may contain nothing from the
    // requested time.
    var isCertain = true
    for _ in 0..<Self.mostHalvings where end - newest > resolutionSeconds {
      let middle = newest + (end - newest + 1) / 2
      let answer = try ask(UTCTime(seconds: middle))
      guard let latest = answer.newest else {
        if !answer.isAll { isCertain = false }
        end = middle
        continue
      }
      found.time = max(found.time!, latest)
      if answer.isAll {
        found.isExact = true
        return found
      }
      if latest.seconds < middle { isCertain = false }
      newest = max(middle, latest.seconds)
    }
    found.isExact = isCertain && end - newest <= resolutionSeconds
    return found
  }
}
