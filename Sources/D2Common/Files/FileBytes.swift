import Glibc

/// The system's reason for a failed call.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  package let number: Int32

  package init(_ number: Int32 = errno) { self.number = number }

  package var description: String { String(cString: strerror(number)) }
}

/// Reads and writes bytes of files completely: it continues after a signal, or after a call that handled only a part.
package enum FileBytes {
  /// Reads at most `limit` bytes of a file.
  package static func read(_ path: String, atMost limit: Int = .max) throws(SystemError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw SystemError() }
    defer { close(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 64 * 1024)
    while bytes.count < limit {
      let got = try retrying { Glibc.read(file, &block, min(block.count, limit - bytes.count)) }
      if got == 0 { break }
      bytes += block[..<got]
    }
    return bytes
  }

  /// Fills a buffer with the bytes of an open file from `offset` on. Returns how many there are before its end.
  package static func read(
    _ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemError) -> Int {
    var filled = 0
    while filled < buffer.count {
      let got = try retrying {
        pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(offset + filled))
      }
      if got == 0 { break }
      filled += got
    }
    return filled
  }

  /// Writes a whole piece to an open file, at `offset` or after the last write.
  package static func write(
    _ piece: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int? = nil
  ) throws(SystemError) {
    var written = 0
    while written < piece.count {
      let (rest, left) = (piece.baseAddress! + written, piece.count - written)
      let count = try retrying {
        if let offset {
          pwrite(descriptor, rest, left, off_t(offset + written))
        } else {
          Glibc.write(descriptor, rest, left)
        }
      }
      guard count > 0 else { throw SystemError(EIO) }
      written += count
    }
  }

  /// Repeats a call that a signal interrupted.
  private static func retrying(_ call: () -> Int) throws(SystemError) -> Int {
    while true {
      let count = call()
      if count >= 0 { return count }
      if errno != EINTR { throw SystemError() }
    }
  }
}
