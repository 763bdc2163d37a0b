/// A server's local time, as far as d2 can know it.
package struct ServerZone: Sendable {
  /// The server's name for the zone: `America/Bogota`; `nil` if only its offset is known.
  package let name: String?
  private let clocks: Clocks
  /// Added if the server's own clock is further west than this machine's zone file says, because its rules may be
  /// newer.
  private let correction: Int

  package typealias Observation = (offsetSeconds: Int, at: UTCTime)

  private enum Clocks: Sendable {
    case file(ZoneFile)
    case fixed(Int)
  }

  /// Changes of daylight-saving time within this time matter: after a clock is set back, one hour occurs twice.
  private static let nearSeconds = 26 * 3600
  private static let stepSeconds = 900
  /// If only today's offset is known, it may be different half a year away.
  private static let slackOfObservedSeconds = 3600

  /// - Parameters:
  ///   - name: the server's `serverTimeZoneId`.
  ///   - observed: how far the server's clock was ahead of UTC, and when.
  /// - Returns: `nil` if nothing is known.
  package init?(named name: String?, observed: Observation?) {
    if let name, let clocks = Self.clocks(named: name) {
      self.name = name
      self.clocks = clocks
      correction = observed.map { min(0, $0.offsetSeconds - Self.offset(of: clocks, at: $0.at.seconds)) } ?? 0
    } else if let observed {
      self.name = nil
      clocks = .fixed(observed.offsetSeconds)
      correction = -Self.slackOfObservedSeconds
    } else {
      return nil
    }
  }

  /// A zone file, or Java's name for a zone without one: `GMT-05:00`.
  private static func clocks(named name: String) -> Clocks? {
    if let file = ZoneFile(named: name) { return .file(file) }
    let word = ["GMT", "UTC", "UT"].first { name.hasPrefix($0) }
    guard let word else { return name == "Z" ? .fixed(0) : nil }
    let rest = name.dropFirst(word.count)
    guard !rest.isEmpty else { return .fixed(0) }
    let parts = rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard let sign = rest.first, sign == "+" || sign == "-", (1...2).contains(parts.count),
      let hours = parts[0], (0...18).contains(hours), let minutes = parts.count == 2 ? parts[1] : 0,
      (0...59).contains(minutes)
    else { return nil }
    return .fixed((sign == "-" ? -1 : 1) * (hours * 3600 + minutes * 60))
  }

  private static func offset(of clocks: Clocks, at seconds: Int) -> Int {
    switch clocks {
    case .file(let file): file.offsetSeconds(at: seconds)
    case .fixed(let offset): offset
    }
  }

  /// How many seconds the clocks are ahead of UTC at a moment.
  package func offsetSeconds(at time: UTCTime) -> Int { Self.offset(of: clocks, at: time.seconds) }

  /// The smallest offset that the clocks may have about a moment. Everything stored at that moment or later has a local
  /// time no earlier than the moment with this offset, even if clocks are set back.
  package func westmostOffsetSeconds(about time: UTCTime) -> Int {
    guard case .file(let file) = clocks else { return Self.offset(of: clocks, at: time.seconds) + correction }
    let around = stride(
      from: time.seconds - Self.nearSeconds, through: time.seconds + Self.nearSeconds, by: Self.stepSeconds)
    return around.map { file.offsetSeconds(at: $0) }.min()! + correction
  }

  /// The moment at which the clocks show a time. If they show it twice, the earlier one. If they skip it, the one
  /// before.
  ///
  /// - Parameter local: the local time as if it were UTC.
  package func moment(ofLocal local: UTCTime) -> UTCTime { candidates(ofLocal: local).min()! }

  /// The same if another clock shows the approximate time: of two moments, the nearer one.
  package func moment(ofLocal local: UTCTime, near other: UTCTime?) -> UTCTime {
    guard let other else { return moment(ofLocal: local) }
    return candidates(ofLocal: local).min { abs($0.seconds - other.seconds) < abs($1.seconds - other.seconds) }!
  }

  private func candidates(ofLocal local: UTCTime) -> [UTCTime] {
    let offsets = Set([-Self.nearSeconds, 0, Self.nearSeconds].map { Self.offset(of: clocks, at: local.seconds + $0) })
    let moments = offsets.map { (offset: $0, seconds: local.seconds - $0) }
    let right = moments.filter { Self.offset(of: clocks, at: $0.seconds) == $0.offset }
    return (right.isEmpty ? moments : right).map { UTCTime(seconds: $0.seconds) }
  }
}
