import CMemory
import D2Common
import D2Hash

/// Decides which values of an answer are not written: those from before the requested time, those without an id, and
/// those that an earlier increment delivered.
struct ValueSieve: Sendable {
  /// The values that were removed.
  struct Kept: Sendable, Equatable {
    var older = 0
    /// The counts, in the order of `nullableKeys`.
    var withoutID: [Int] = []
    var delivered = 0
    /// The hashes of values that the next increment may read again.
    var digests: [ValueHash] = []

    var total: Int { older + withoutID.reduce(0, +) + delivered }
  }

  /// A time, and its spelling in values, without a fraction.
  private struct Bound {
    let time: UTCTime
    let text: [UInt8]

    init(_ time: UTCTime) {
      self.time = time
      text = Array(time.iso8601.utf8.dropLast())
    }
  }

  /// The first time that is not too old.
  private let notBefore: Bound?
  /// What earlier increments delivered, and the record for the next one.
  let delivered: DeliveredValues?
  private let noted: (from: Bound, until: Bound)?
  /// Keys whose ids may be missing in the requested id scheme.
  let nullableKeys: [String]
  private let nullPatterns: [LinePattern]

  private static let timePattern = LinePattern(textOf: "lastUpdated")

  /// - Parameters:
  ///   - notBefore: the time of the oldest change that is wanted.
  ///   - nullableKeys: a value with `null` for one of these keys is not written.
  init(notBefore: UTCTime?, nullableKeys: [String] = [], delivered: DeliveredValues? = nil) {
    self.notBefore = notBefore.map { Bound($0) }
    self.delivered = delivered
    noted = delivered?.noted.map { (Bound($0.from), Bound($0.until)) }
    self.nullableKeys = nullableKeys
    nullPatterns = nullableKeys.map { LinePattern("\"\($0)\":null") }
  }

  /// Whether it lets all values pass.
  var isOpen: Bool { notBefore == nil && nullPatterns.isEmpty && delivered == nil }

  var none: Kept { Kept(withoutID: [Int](repeating: 0, count: nullPatterns.count)) }

  /// Whether a value passes. If not, it is counted.
  func passes(_ line: UnsafeRawBufferPointer, _ kept: inout Kept) -> Bool {
    for (place, pattern) in nullPatterns.enumerated() where pattern.isIn(line) {
      kept.withoutID[place] += 1
      return false
    }
    // A value without a time of change is neither too old nor recorded.
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

  /// Whether a value's time is before another; `nil` if it is not a time.
  private static func isTime(_ time: Slice<UnsafeRawBufferPointer>, before bound: Bound) -> Bool? {
    let zone = time.dropFirst(bound.text.count).drop { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    guard zone.elementsEqual("+0000".utf8) || zone.elementsEqual("Z".utf8) else {
      return UTCTime(String(decoding: time, as: UTF8.self)).map { $0 < bound.time }
    }
    return time.prefix(bound.text.count).lexicographicallyPrecedes(bound.text)
  }
}

/// Passes on the lines that pass a sieve, in runs as long as possible.
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

  /// The end of the line that begins at an offset.
  private static func lineEnd(_ lines: UnsafeRawBufferPointer, from start: Int) -> Int {
    guard start < lines.count else { return start }
    var newline = UInt8(ascii: "\n")
    let offset = d2_find(lines.baseAddress! + start, lines.count - start, &newline, 1)
    return offset < 0 ? lines.count : start + offset + 1
  }
}
