import CMemory
import D2Common
import D2Hash

/// Which values of an answer do not go out: those that changed before what was asked for, those that lack an id, and
/// those that an earlier increment delivered.
struct ValueSieve: Sendable {
  /// What was kept back.
  struct Kept: Sendable, Equatable {
    var older = 0
    /// By `nullableKeys`.
    var withoutID: [Int] = []
    var delivered = 0
    /// Of values that the next increment may ask for again.
    var digests: [ValueHash] = []

    var total: Int { older + withoutID.reduce(0, +) + delivered }
  }

  /// A time, and as values spell it, without a fraction.
  private struct Bound {
    let time: UTCTime
    let text: [UInt8]

    init(_ time: UTCTime) {
      self.time = time
      text = Array(time.iso8601.utf8.dropLast())
    }
  }

  /// The last second that is too old is the one before.
  private let notBefore: Bound?
  /// What earlier increments delivered, and what the next one must know of.
  let delivered: DeliveredValues?
  private let noted: (from: Bound, until: Bound)?
  /// Keys whose ids may be missing in the id scheme that was asked for.
  let nullableKeys: [String]
  private let nullPatterns: [LinePattern]

  private static let timePattern = LinePattern(textOf: "lastUpdated")

  /// - Parameters:
  ///   - notBefore: the time of the oldest change that is wanted.
  ///   - nullableKeys: a value that has `null` for one of them does not go out.
  init(notBefore: UTCTime?, nullableKeys: [String] = [], delivered: DeliveredValues? = nil) {
    self.notBefore = notBefore.map { Bound($0) }
    self.delivered = delivered
    noted = delivered?.noted.map { (Bound($0.from), Bound($0.until)) }
    self.nullableKeys = nullableKeys
    nullPatterns = nullableKeys.map { LinePattern("\"\($0)\":null") }
  }

  /// Whether all values go out.
  var isOpen: Bool { notBefore == nil && nullPatterns.isEmpty && delivered == nil }

  var none: Kept { Kept(withoutID: [Int](repeating: 0, count: nullPatterns.count)) }

  /// Whether a value goes out. What does not is counted.
  func passes(_ line: UnsafeRawBufferPointer, _ kept: inout Kept) -> Bool {
    for (place, pattern) in nullPatterns.enumerated() where pattern.isIn(line) {
      kept.withoutID[place] += 1
      return false
    }
    // A value that does not tell when it changed is neither older nor noted.
    guard notBefore != nil || noted != nil, let time = Self.timePattern.text(in: line) else { return true }
    if let notBefore, Self.isTime(time, before: notBefore) == true {
      kept.older += 1
      return false
    }
    guard let delivered, let noted, Self.isTime(time, before: noted.from) == false,
      Self.isTime(time, before: noted.until) == true
    else { return true }
    let digest = delivered.digest(of: line)
    kept.digests.append(digest)
    guard delivered.holds(digest) else { return true }
    kept.delivered += 1
    return false
  }

  /// Whether a time, as a value spells it, is before another; `nil` if it is not a time.
  private static func isTime(_ time: Slice<UnsafeRawBufferPointer>, before bound: Bound) -> Bool? {
    let zone = time.dropFirst(bound.text.count).drop { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    guard zone.elementsEqual("+0000".utf8) || zone.elementsEqual("Z".utf8) else {
      return UTCTime(String(decoding: time, as: UTF8.self)).map { $0 < bound.time }
    }
    return time.prefix(bound.text.count).lexicographicallyPrecedes(bound.text)
  }
}

/// Hands on the lines that pass a sieve, in runs as long as they come.
struct SievedSink<Sink: LineSink>: LineSink {
  private let sieve: ValueSieve
  private(set) var sink: Sink
  private(set) var kept: ValueSieve.Kept
  /// A value that came in two pieces.
  private var joined: [UInt8] = []

  init(_ sieve: ValueSieve, _ sink: Sink) {
    self.sieve = sieve
    self.sink = sink
    kept = sieve.none
  }

  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) throws {
    if sieve.isOpen { return try sink.write(carried, lines, lineEndMissing: lineEndMissing) }
    var at = 0
    if carried.count > 0 {
      at = Self.lineEnd(lines, from: 0)
      joined.removeAll(keepingCapacity: true)
      joined += carried
      joined += lines[..<at]
      let isEnded = at > 0 && lines[at - 1] == UInt8(ascii: "\n")
      let passes = joined.withUnsafeBytes { sieve.passes($0, &kept) }
      if passes { try joined.withUnsafeBytes { try sink.write(Self.nothing, $0, lineEndMissing: !isEnded) } }
    }
    var run = at
    while at < lines.count {
      let end = Self.lineEnd(lines, from: at)
      if !sieve.passes(UnsafeRawBufferPointer(rebasing: lines[at..<end]), &kept) {
        try hand(lines, run..<at, lineEndMissing: false)
        run = end
      }
      at = end
    }
    try hand(lines, run..<at, lineEndMissing: lineEndMissing)
  }

  private mutating func hand(_ lines: UnsafeRawBufferPointer, _ range: Range<Int>, lineEndMissing: Bool) throws {
    guard !range.isEmpty else { return }
    try sink.write(Self.nothing, UnsafeRawBufferPointer(rebasing: lines[range]), lineEndMissing: lineEndMissing)
  }

  private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

  /// Behind the line that begins at a place.
  private static func lineEnd(_ lines: UnsafeRawBufferPointer, from start: Int) -> Int {
    guard start < lines.count else { return start }
    var newline = UInt8(ascii: "\n")
    let offset = d2_find(lines.baseAddress! + start, lines.count - start, &newline, 1)
    return offset < 0 ? lines.count : start + offset + 1
  }
}
