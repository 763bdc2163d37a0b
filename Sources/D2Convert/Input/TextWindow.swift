import D2Common
import Glibc

/// The part of a text that a reader is working on. It grows as long as one value needs it, and moves on after each
/// value. After its end there is the padding that the JSON readers need.
public final class TextWindow {
  /// The limit for one value.
  package static let largestValueBytes = 16 << 20
  private static let blockBytes = 1 << 20
  /// The least space that a source gets.
  private static let leastRoom = 4096

  private let source: any ByteSource
  private(set) var base: UnsafeMutablePointer<UInt8>
  private var capacity = blockBytes
  /// The first byte that was not read yet.
  private(set) var begin = 0
  /// The end of the last byte.
  private(set) var end = 0
  /// Whether the source has ended.
  private(set) var isAtEnd = false

  /// How many line ends precede `begin`, and where in the text the line of `begin` starts.
  private var linesBefore = 0
  private var lineStart = 0
  /// How many bytes of the text precede the window's memory.
  private var dropped = 0

  /// - Parameter source: UTF-8.
  public init(_ source: any ByteSource) {
    self.source = source
    base = .allocate(capacity: capacity + PaddedLine.paddingBytes)
    base.initialize(repeating: 0, count: capacity + PaddedLine.paddingBytes)
  }

  deinit { base.deallocate() }

  /// The name of the text for messages.
  public var name: String { source.name }

  /// The bytes between `begin` and `end`.
  var count: Int { end - begin }

  /// A byte, by its offset from `begin`.
  @inline(__always)
  subscript(offset: Int) -> UInt8 { base[begin + offset] }

  /// Bytes from `begin` on, with the padding that the JSON readers need.
  @inline(__always)
  func padded(_ range: Range<Int>) -> PaddedLine {
    let memory = UnsafeRawBufferPointer(start: base, count: capacity + PaddedLine.paddingBytes)
    return PaddedLine(begin + range.lowerBound..<begin + range.upperBound, of: memory)
  }

  /// Moves past bytes, and counts the line ends in them.
  @inline(__always)
  func advance(by length: Int) {
    let lines = lines(in: length)
    linesBefore += lines.count
    lineStart = lines.start
    begin += length
  }

  /// Moves past the line that begins here and ends at an offset.
  @inline(__always)
  func advancePastLine(_ lineEnd: Int) {
    begin += lineEnd + 1
    linesBefore += 1
    lineStart = dropped + begin
  }

  /// The place of a byte, by its offset from `begin`.
  func place(_ offset: Int = 0) -> Place {
    let length = min(offset, count)
    let lines = lines(in: length)
    return Place(line: linesBefore + lines.count + 1, column: dropped + begin + length - lines.start + 1)
  }

  /// How many lines end in the next bytes, and where in the text the line after them starts.
  @inline(__always)
  private func lines(in length: Int) -> (count: Int, start: Int) {
    var (lines, start) = (0, lineStart)
    var at = begin
    let target = begin + length
    while at < target, let found = memchr(base + at, 0x0A, target - at) {
      at = found.assumingMemoryBound(to: UInt8.self) - base + 1
      lines += 1
      start = dropped + at
    }
    return (lines, start)
  }

  /// Reads more bytes after `end`. False if there are no more.
  ///
  /// - Throws: `CommandFailure`: errors of the source; 65 if a value is too long.
  func fill() throws -> Bool {
    if isAtEnd { return false }
    if begin > 0 {
      memmove(base, base + begin, count)
      dropped += begin
      end -= begin
      begin = 0
    }
    if capacity - end < Self.leastRoom { try grow() }
    let got = try source.read(into: UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end))
    end += got
    isAtEnd = got == 0
    return got > 0
  }

  /// Reads until this many bytes follow `begin`; false if the text ends earlier.
  @inline(__always)
  func has(_ length: Int) throws -> Bool {
    while count < length { if try !fill() { return false } }
    return true
  }

  private func grow() throws {
    guard capacity < Self.largestValueBytes else {
      throw CommandFailure.malformed(
        name, place(), "a value or row that is longer than \(Self.largestValueBytes >> 20) MiB")
    }
    let wider = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * capacity + PaddedLine.paddingBytes)
    wider.initialize(repeating: 0, count: 2 * capacity + PaddedLine.paddingBytes)
    memcpy(wider, base, end)
    base.deallocate()
    base = wider
    capacity *= 2
  }

  /// The error for malformed input, at an offset from `begin`.
  func malformed(_ problem: String, at offset: Int = 0) -> CommandFailure {
    .malformed(name, place(offset), problem)
  }
}

extension TextWindow {
  /// Skips white space; false if the text ends.
  @inline(__always)
  func skipSpace() throws -> Bool {
    while true {
      var length = 0
      while length < count, Self.isSpace(self[length]) { length += 1 }
      if length > 0 { advance(by: length) }
      if count > 0 { return true }
      guard try fill() else { return false }
    }
  }

  /// Whether a byte is JSON white space.
  @inline(__always)
  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

  /// The offset of this line's end; `nil` if it is the last line and has no end.
  func lineEnd() throws -> Int? {
    var searched = 0
    while true {
      if let found = memchr(base + begin + searched, 0x0A, count - searched) {
        return found.assumingMemoryBound(to: UInt8.self) - base - begin
      }
      searched = count
      guard try fill() else { return nil }
    }
  }

  /// The byte here, for messages.
  func shown(at offset: Int = 0) -> String { offset < count ? self[offset].shown : "the end" }
}

/// For readers that buffer their input themselves.
extension TextWindow: ByteSource {
  /// Returns the content of the window first, and then that of its source.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if count == 0, try !fill() { return 0 }
    let length = min(count, buffer.count)
    memcpy(buffer.baseAddress!, base + begin, length)
    advance(by: length)
    return length
  }
}
