import CDeflate
import CZlib

/// Inflates one layer of gzip, which may consist of several consecutive members.
///
/// zlib inflates, because libdeflate cannot inflate in pieces. libdeflate computes the checksums, because Debian's zlib
/// spends a quarter of its time on them.
final class GzipLayer {
  private var stream = z_stream()
  private let window: UnsafeMutableRawBufferPointer
  private var memberEnded = true
  private var begun = false
  /// Whether zeros followed a member. Then only zeros may follow.
  private var isPadding = false
  /// The checksum of the member's text so far.
  private var checksum: UInt32 = 0
  private var length: UInt32 = 0
  /// The last eight bytes read. At the end of a member they are its checksum and its length, in little-endian order.
  private var trailer: UInt64 = 0

  var isAtEnd: Bool { memberEnded && begun }

  init(window bytes: Int) {
    window = .allocate(byteCount: bytes, alignment: 64)
    // 15 bits of window, 16 more for the gzip wrapper.
    let started = inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(started == Z_OK, "zlib could not be started")
  }

  deinit {
    inflateEnd(&stream)
    window.deallocate()
  }

  func inflate(_ chunk: UnsafeMutableRawBufferPointer, into sink: (UnsafeMutableRawBufferPointer) throws -> Void) throws
  {
    stream.next_in = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.avail_in = UInt32(chunk.count)
    while stream.avail_in > 0 {
      if memberEnded {
        // After a member, only another member or padding with zeros may follow.
        if begun, isPadding || stream.next_in.pointee == 0 { return try skipPadding() }
        beginMember()
      }
      var result = Z_OK
      repeat {
        result = step()
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { throw GzipProblem.corrupt }
        let produced = window.count - Int(stream.avail_out)
        if produced > 0 { try sink(UnsafeMutableRawBufferPointer(rebasing: window[..<produced])) }
      } while result == Z_OK && stream.avail_out == 0
      if result == Z_STREAM_END { try endMember() }
      if result == Z_BUF_ERROR { return }
    }
  }

  private func beginMember() {
    if begun { inflateReset(&stream) }
    inflateValidate(&stream, 0)
    (begun, memberEnded) = (true, false)
    (checksum, length, trailer) = (0, 0, 0)
  }

  /// Fills the window. Returns the result of zlib.
  private func step() -> Int32 {
    stream.next_out = window.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.avail_out = UInt32(window.count)
    let (start, before) = (stream.next_in, stream.avail_in)
    let result = CZlib.inflate(&stream, Z_NO_FLUSH)
    let read = UnsafeBufferPointer(start: start, count: Int(before - stream.avail_in))
    for byte in read.suffix(MemoryLayout.size(ofValue: trailer)) { trailer = trailer >> 8 | UInt64(byte) << 56 }
    let produced = window.count - Int(stream.avail_out)
    checksum = libdeflate_crc32(checksum, window.baseAddress, produced)
    length &+= UInt32(produced)
    return result
  }

  private func endMember() throws(GzipProblem) {
    memberEnded = true
    guard trailer == UInt64(length) << 32 | UInt64(checksum) else { throw .corrupt }
  }

  /// Skips the rest of the chunk, which follows the last member.
  private func skipPadding() throws(GzipProblem) {
    isPadding = true
    let rest = UnsafeBufferPointer(start: stream.next_in, count: Int(stream.avail_in))
    guard rest.allSatisfy({ $0 == 0 }) else { throw .corrupt }
  }
}
