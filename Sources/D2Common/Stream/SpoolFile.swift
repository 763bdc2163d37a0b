import Glibc

/// A private temporary file that holds an answer back until it is believed. It has no name: whatever happens, nothing is left behind.
package final class SpoolFile: LineSink {
  private let descriptor: Int32
  private let folder: String
  package private(set) var bytes = 0

  /// - Throws: `CommandFailure`, 73.
  package init(environment: [String: String]) throws(CommandFailure) {
    folder = environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    var template = Array("\(folder)/d2-spool-XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw CommandFailure(.cannotWrite, "cannot make a temporary file in \(folder): \(SystemError())")
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(template)
  }

  deinit { close(descriptor) }

  package func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) throws {
    try append(carried)
    try append(lines)
    if lineEndMissing { try withUnsafeBytes(of: UInt8(ascii: "\n")) { try append($0) } }
  }

  private func append(_ piece: UnsafeRawBufferPointer) throws(CommandFailure) {
    var rest = piece[...]
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if written < 0 {
        if errno == EINTR { continue }
        throw CommandFailure(.cannotWrite, "cannot write a temporary file in \(folder): \(SystemError())")
      }
      bytes += written
      rest = rest.dropFirst(written)
    }
  }

  /// Forgets what it holds.
  package func empty() {
    ftruncate(descriptor, 0)
    lseek(descriptor, 0, Int32(SEEK_SET))
    bytes = 0
  }

  /// Hands on all that it holds, in pieces of whole lines: others may write between them.
  package func copy(into sink: inout some LineSink) throws {
    var block = [UInt8](repeating: 0, count: 256 * 1024)
    var offset = 0
    while offset < bytes {
      let got = pread(descriptor, &block, block.count, off_t(offset))
      if got < 0, errno == EINTR { continue }
      guard got > 0 else {
        throw CommandFailure(.cannotRead, "cannot read a temporary file in \(folder): \(SystemError())")
      }
      let isRest = offset + got >= bytes
      guard let lineEnd = isRest ? got - 1 : block[..<got].lastIndex(of: UInt8(ascii: "\n")) else {
        // A line longer than the block.
        block = [UInt8](repeating: 0, count: block.count * 2)
        continue
      }
      offset += lineEnd + 1
      try block.withUnsafeBytes { block in
        try sink.write(
          UnsafeRawBufferPointer(start: nil, count: 0), UnsafeRawBufferPointer(rebasing: block[...lineEnd]),
          lineEndMissing: false)
      }
    }
  }
}
