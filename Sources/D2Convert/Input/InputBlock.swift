import Glibc

/// A block of a source's bytes, for readers that look at bytes before they consume them.
final class InputBlock: ByteSource {
  static let bytes = 256 << 10
  /// The least space that a source gets.
  private static let leastRoom = 4096

  private let source: any ByteSource
  private let memory: UnsafeMutablePointer<UInt8>
  private var begin = 0
  private var end = 0
  private var isAtEnd = false

  init(_ source: any ByteSource) {
    self.source = source
    memory = .allocate(capacity: Self.bytes)
  }

  deinit { memory.deallocate() }

  /// The name of the source for messages.
  var name: String { source.name }

  /// How many bytes the block holds.
  var count: Int { end - begin }

  /// The first byte of the block.
  var start: UnsafeMutablePointer<UInt8> { memory + begin }

  /// A byte of the block.
  subscript(offset: Int) -> UInt8 { memory[begin + offset] }

  func advance(by length: Int) { begin += length }

  /// Appends more bytes to the block. False at the end.
  func fill() throws -> Bool {
    if isAtEnd { return false }
    if begin == end {
      (begin, end) = (0, 0)
    } else if Self.bytes - end < Self.leastRoom {
      memmove(memory, memory + begin, count)
      (begin, end) = (0, count)
    }
    let got = try source.read(into: UnsafeMutableRawBufferPointer(start: memory + end, count: Self.bytes - end))
    end += got
    isAtEnd = got == 0
    return got > 0
  }

  /// Reads until the block holds this many bytes (at most 4096 fewer than `bytes`); false if the source ends earlier.
  func has(_ length: Int) throws -> Bool {
    while count < length { if try !fill() { return false } }
    return true
  }

  /// Whether the next bytes are these.
  func begins(with marks: some Collection<UInt8>) throws -> Bool {
    try has(marks.count) && UnsafeBufferPointer(start: start, count: count).starts(with: marks)
  }

  /// Skips bytes. False if the source ends earlier.
  func skip(_ length: Int) throws -> Bool {
    var left = length
    while left > 0 {
      guard try has(1) else { return false }
      let step = min(left, count)
      advance(by: step)
      left -= step
    }
    return true
  }

  /// Skips zeros up to the end. False if another byte comes.
  func skipZeros() throws -> Bool {
    while try has(1) {
      guard self[0] == 0 else { return false }
      advance(by: 1)
    }
    return true
  }

  /// Reads bytes, and bypasses the block once it is empty. 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if count == 0 {
      let got = isAtEnd ? 0 : try source.read(into: buffer)
      isAtEnd = got == 0
      return got
    }
    let length = min(count, buffer.count)
    buffer.copyMemory(from: UnsafeRawBufferPointer(start: start, count: length))
    advance(by: length)
    return length
  }

  /// A little-endian number.
  func number(at offset: Int, bytes: Int) -> UInt64 {
    (0..<bytes).reduce(0) { $0 | UInt64(self[offset + $1]) << (8 * $1) }
  }
}
