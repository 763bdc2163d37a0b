import Glibc

/// A private temporary file that is written at its end and read anywhere. It has no name: whatever happens, nothing is left behind.
package final class TemporaryFile: Sendable {
  private let descriptor: Int32
  private let folder: String

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

  /// Writes all of a piece behind what was written before.
  ///
  /// - Throws: `CommandFailure`, 73.
  package func append(_ piece: UnsafeRawBufferPointer) throws(CommandFailure) {
    var rest = piece[...]
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if written < 0 {
        if errno == EINTR { continue }
        throw CommandFailure(.cannotWrite, "cannot write a temporary file in \(folder): \(SystemError())")
      }
      rest = rest.dropFirst(written)
    }
  }

  /// Fills a buffer with what stands from `offset` on, as far as the file reaches; returns how many bytes that are.
  ///
  /// - Throws: `CommandFailure`, 74.
  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CommandFailure) -> Int {
    do { return try FileBytes.read(descriptor, at: offset, into: buffer) } catch {
      throw CommandFailure(.cannotRead, "cannot read a temporary file in \(folder): \(error)")
    }
  }

  /// Forgets what it holds.
  package func empty() {
    ftruncate(descriptor, 0)
    lseek(descriptor, 0, Int32(SEEK_SET))
  }
}
