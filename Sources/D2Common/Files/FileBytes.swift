import Glibc

/// The reason that the system gives for a failed call.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  package let number: Int32

  package init(_ number: Int32 = errno) { self.number = number }

  package var description: String { String(cString: strerror(number)) }
}

/// Bytes of files, read and written whole: after a signal, or a call that did a part of it, the rest follows.
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

  /// Fills a buffer with what stands in an open file from `offset` on, as far as it reaches; returns how many bytes
  /// that are.
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

  /// Writes all of a piece to an open file: from `offset` on, or where its last write ended.
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

  /// Makes a call again when only a signal ended it.
  private static func retrying(_ call: () -> Int) throws(SystemError) -> Int {
    while true {
      let count = call()
      if count >= 0 { return count }
      if errno != EINTR { throw SystemError() }
    }
  }
}
