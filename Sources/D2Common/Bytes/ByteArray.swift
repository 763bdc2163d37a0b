import Glibc

/// A growing byte buffer for the data path. Emptying it keeps its memory.
package struct ByteArray: ~Copyable {
  package private(set) var base: UnsafeMutablePointer<UInt8>
  package private(set) var count = 0
  private var capacity: Int

  /// - Parameter capacity: how many bytes fit before it grows.
  package init(capacity: Int = 4096) {
    self.capacity = max(capacity, 64)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  package var isEmpty: Bool { count == 0 }

  /// The bytes; valid until the next change.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// The bytes, to be changed in place.
  package var mutableBytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: base, count: count) }

  /// Reserves space for `extra` more bytes.
  @inline(__always)
  package mutating func reserve(_ extra: Int) { if count + extra > capacity { grow(extra) } }

  @inline(never)
  private mutating func grow(_ extra: Int) {
    capacity = max(capacity * 2, count + extra)
    let wider = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    memcpy(wider, base, count)
    base.deallocate()
    base = wider
  }

  @inline(__always)
  package mutating func append(_ from: UnsafePointer<UInt8>, _ length: Int) {
    reserve(length)
    memcpy(base + count, from, length)
    count += length
  }

  @inline(__always)
  package mutating func append(_ from: UnsafeRawBufferPointer) {
    guard let start = from.baseAddress else { return }
    append(start.assumingMemoryBound(to: UInt8.self), from.count)
  }

  package mutating func append(contentsOf text: some Collection<UInt8>) {
    reserve(text.count)
    for byte in text {
      base[count] = byte
      count += 1
    }
  }

  @inline(__always)
  package mutating func append(_ byte: UInt8) {
    reserve(1)
    base[count] = byte
    count += 1
  }

  package mutating func removeAll() { count = 0 }

  /// Removes all bytes after the first ones.
  package mutating func truncate(to length: Int) { count = min(count, length) }

  package mutating func removeByte(at position: Int) {
    memmove(base + position, base + position + 1, count - position - 1)
    count -= 1
  }

  /// Removes the first bytes; the rest moves to the front.
  package mutating func removeFirst(_ length: Int) {
    memmove(base, base + length, count - length)
    count -= length
  }

  /// Lets `fill` write up to `room` bytes after the end. It returns how many it wrote.
  package mutating func append<Failure: Error>(
    room: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) throws(Failure) -> Int {
    reserve(room)
    let written = try fill(UnsafeMutableRawBufferPointer(start: base + count, count: room))
    count += written
    return written
  }
}
