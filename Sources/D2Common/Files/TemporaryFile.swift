import Glibc

/// A private temporary file, written at its end and read anywhere. It has no name, so it never remains after the
/// process ends.
package final class TemporaryFile: Sendable {
  private let descriptor: Int32
  private let folder: String

  /// Linux's `O_TMPFILE`, which Swift's view of glibc lacks.
  private static let withoutName: Int32 = 0o20_000_000 | O_DIRECTORY

  /// The folder for temporary files. An empty `TMPDIR` counts as unset.
  package static func folder(_ environment: [String: String]) -> String {
    environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
  }

  /// - Throws: `CommandFailure`, 73.
  package init(environment: [String: String]) throws(CommandFailure) {
    folder = Self.folder(environment)
    // With a limit on file sizes (`ulimit -f`), a write must fail like on a full disk, and not end the process.
    signal(SIGXFSZ, SIG_IGN)
    let nameless = open(folder, Self.withoutName | O_RDWR | O_CLOEXEC, 0o600)
    descriptor = nameless >= 0 ? nameless : Self.named(in: folder)
    guard descriptor >= 0 else {
      throw CommandFailure(.cannotWrite, "cannot make a temporary file in \(folder): \(SystemError())")
    }
  }

  /// Creates a file with a name and removes the name at once, for file systems without nameless files (NFS, overlays).
  private static func named(in folder: String) -> Int32 {
    var template = Array("\(folder)/d2-spool-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { return descriptor }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(template)
    return descriptor
  }

  deinit { close(descriptor) }

  /// Appends a whole piece.
  ///
  /// - Throws: `CommandFailure`, 73.
  package func append(_ piece: UnsafeRawBufferPointer) throws(CommandFailure) {
    do { try FileBytes.write(piece, to: descriptor) } catch {
      throw CommandFailure(.cannotWrite, "cannot write a temporary file in \(folder): \(error)")
    }
  }

  /// Writes a whole piece at `offset`.
  ///
  /// - Throws: `CommandFailure`, 73.
  package func write(_ piece: UnsafeRawBufferPointer, at offset: Int) throws(CommandFailure) {
    do { try FileBytes.write(piece, to: descriptor, at: offset) } catch {
      throw CommandFailure(.cannotWrite, "cannot write a temporary file in \(folder): \(error)")
    }
  }

  /// The free space on its disk, in bytes.
  package var freeBytes: Int {
    var status = statvfs()
    // If the file system does not report it, assume enough space until a write fails.
    guard fstatvfs(descriptor, &status) == 0 else { return .max }
    return Int(clamping: status.f_bavail.multipliedReportingOverflow(by: status.f_frsize).partialValue)
  }

  /// Fills a buffer with the bytes from `offset` on. Returns how many there are before the file's end.
  ///
  /// - Throws: `CommandFailure`, 74.
  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CommandFailure) -> Int {
    do { return try FileBytes.read(descriptor, at: offset, into: buffer) } catch {
      throw CommandFailure(.cannotRead, "cannot read a temporary file in \(folder): \(error)")
    }
  }

  /// Its descriptor, positioned at the beginning for reading; valid as long as the file.
  package var fromBeginning: Int32 {
    lseek(descriptor, 0, Int32(SEEK_SET))
    return descriptor
  }

  /// Removes the content.
  package func empty() {
    ftruncate(descriptor, 0)
    lseek(descriptor, 0, Int32(SEEK_SET))
  }
}
