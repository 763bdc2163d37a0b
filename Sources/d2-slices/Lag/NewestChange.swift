import D2Common

/// When the newest change at a source was, found by few and small questions: "what changed since?", each with a limit
/// on what comes.
struct NewestChange: Equatable {
  /// The newest change that was seen; `nil` if there was none in the time that was looked at.
  var time: UTCTime?
  /// Whether it is certain that nothing is newer.
  var isExact = true
  /// Back to when was looked.
  let lookedBackTo: UTCTime

  /// What a source answers to "what changed since?".
  struct Answer {
    /// The newest of what came; `nil` if nothing did.
    let newest: UTCTime?
    /// Whether all came that there is: less than the limit.
    let isAll: Bool
  }

  /// So many questions are enough to halve a century down to a second.
  private static let mostHalvings = 32
  private static let firstStepSeconds = 86400
  private static let stepFactor = 4

  /// Asks what changed since the mark; if nothing did, further and further back; if too much did, nearer and
  /// nearer to now.
  ///
  /// - Parameters:
  ///   - mark: up to when all is delivered; the first question, and mostly the only one.
  ///   - now: by the source's clock.
  ///   - lookBackSeconds: how far back from now, at most, is looked if nothing changed since the mark.
  ///   - resolutionSeconds: how near is near enough, if answers do not tell times themselves.
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

  /// Halves the time between a change that is known and now, until all that is newer comes in one answer.
  private func narrowed(
    until now: UTCTime, _ resolutionSeconds: Int, _ ask: (UTCTime) throws -> Answer
  ) rethrows -> NewestChange {
    var found = self
    var newest = max(time!, lookedBackTo).seconds
    var end = now.seconds + 1
    // A server that reads times as days sends more than was asked for: then a full answer may hold nothing of the time
    // in question.
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
