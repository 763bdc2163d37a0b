/// A time zone from this machine's zone files (RFC 9636, "TZif"): past, present and future offsets from UTC.
struct ZoneFile: Sendable {
  private struct Transition {
    let at: Int
    let offset: Int
  }

  /// In chronological order.
  private var transitions: [Transition] = []
  /// The offset before the first transition.
  private var firstOffset = 0
  /// The rule after the last transition.
  private var rule: ZoneRule?

  private static let folder = "/usr/share/zoneinfo/"
  /// No zone file is nearly as large.
  private static let largestBytes = 1 << 20

  /// `nil` if this machine has no zone with that name.
  init?(named name: String) {
    // The name comes from a server, so it must not lead out of the folder.
    let isName = name.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || "/_+-".utf8.contains(byte)
    }
    guard isName, !name.isEmpty, !name.hasPrefix("/"),
      let bytes = try? FileBytes.read(Self.folder + name, atMost: Self.largestBytes)
    else { return nil }
    self.init(bytes: bytes)
  }

  /// `nil` if the bytes are not a zone file.
  init?(bytes: [UInt8]) {
    var reader = ZoneReader(bytes)
    guard let old = reader.header() else { return nil }
    var timeBytes = 4
    var counts = old
    if old.version >= UInt8(ascii: "2") {
      // The first block has 32-bit times; the same data follows with 64 bits.
      reader.skip(old.bytes(timeBytes: 4))
      guard let new = reader.header() else { return nil }
      counts = new
      timeBytes = 8
    }
    guard counts.types > 0, counts.bytes(timeBytes: timeBytes) <= reader.left else { return nil }
    let times = (0..<counts.times).map { _ in reader.number(timeBytes) }
    let types = (0..<counts.times).map { _ in reader.number(1) & 0xFF }
    let offsets = (0..<counts.types).map { _ in
      let offset = reader.number(4)
      reader.skip(2)
      return offset
    }
    guard types.allSatisfy({ $0 < offsets.count }), offsets.allSatisfy({ abs($0) < 26 * 3600 }) else { return nil }
    firstOffset = offsets[0]
    transitions = zip(times, types).map { Transition(at: $0, offset: offsets[$1]) }
    guard timeBytes == 8 else { return }
    reader.skip(counts.characters + counts.leaps * 12 + counts.standards + counts.universals)
    let footer = reader.rest.split(separator: 0x0A).first.map { String(decoding: $0, as: UTF8.self) }
    rule = footer.flatMap { ZoneRule($0) }
  }

  /// How many seconds the clocks are ahead of UTC at a moment, given in seconds since 1970.
  func offsetSeconds(at seconds: Int) -> Int {
    guard let last = transitions.last else { return rule?.offsetSeconds(at: seconds) ?? firstOffset }
    if seconds >= last.at { return rule?.offsetSeconds(at: seconds) ?? last.offset }
    // Find the first transition that is later.
    var (low, high) = (0, transitions.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle].at > seconds { high = middle } else { low = middle + 1 }
    }
    return low == 0 ? firstOffset : transitions[low - 1].offset
  }
}

/// Reads the numbers of a zone file.
private struct ZoneReader {
  struct Counts {
    var version: UInt8 = 0
    var universals = 0
    var standards = 0
    var leaps = 0
    var times = 0
    var types = 0
    var characters = 0

    func bytes(timeBytes: Int) -> Int {
      times * (timeBytes + 1) + types * 6 + characters + leaps * (timeBytes + 4) + standards + universals
    }
  }

  private let bytes: [UInt8]
  private var at = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var left: Int { bytes.count - at }
  var rest: ArraySlice<UInt8> { bytes[at...] }

  mutating func skip(_ count: Int) { at = min(bytes.count, at + count) }

  /// A signed big-endian number; 0 after the end.
  mutating func number(_ count: Int) -> Int {
    guard left >= count else {
      at = bytes.count
      return 0
    }
    var value = count < 8 && bytes[at] & 0x80 != 0 && count > 1 ? -1 : 0
    for byte in bytes[at..<at + count] { value = value << 8 | Int(byte) }
    at += count
    return value
  }

  mutating func header() -> Counts? {
    guard left >= 44, bytes[at..<at + 4].elementsEqual("TZif".utf8) else { return nil }
    var counts = Counts(version: bytes[at + 4])
    skip(20)
    for count in [\Counts.universals, \.standards, \.leaps, \.times, \.types, \.characters] {
      let number = number(4)
      guard (0...1_000_000).contains(number) else { return nil }
      counts[keyPath: count] = number
    }
    return counts
  }
}
