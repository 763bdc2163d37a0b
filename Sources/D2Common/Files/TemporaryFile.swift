import Glibc

/// A private temporary file that is written at its end and read anywhere. It has no name: whatever happens, nothing is
/// left behind.
package final class TemporaryFile: Sendable {
  private let descriptor: Int32
  private let folder: String

  /// `O_TMPFILE` of Linux, which Swift's view of glibc leaves out.
  private static let withoutName: Int32 = 0o20_000_000 | O_DIRECTORY

  /// Where temporary files go: a `TMPDIR` that is set and empty counts as unset.
  package static func folder(_ environment: [String: String]) -> String {
    environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
  }

  /// - Throws: `CommandFailure`, 73.
  package init(environment: [String: String]) throws(CommandFailure) {
    folder = Self.folder(environment)
    // A limit on the size of files (`ulimit -f`) is a full disk, not the end of the process.
    signal(SIGXFSZ, SIG_IGN)
    let nameless = open(folder, Self.withoutName | O_RDWR | O_CLOEXEC, 0o600)
    descriptor = nameless >= 0 ? nameless : Self.named(in: folder)
    guard descriptor >= 0 else {
      throw CommandFailure(.cannotWrite, "cannot make a temporary file in \(folder): \(SystemError())")
    }
  }

  /// Where the file system knows no files without names (NFS, overlays): with one for a moment.
  private static func named(in folder: String) -> Int32 {
    var template = Array("\(folder)/d2-spool-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { return descriptor }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(template)
    return descriptor
  }

  deinit { close(descriptor) }

  /// Writes all of a piece after what was written before.
  ///
  /// - Throws: `CommandFailure`, 73.
  package func append(_ piece: UnsafeRawBufferPointer) throws(CommandFailure) {
    do { try FileBytes.write(piece, to: descriptor) } catch {
      throw CommandFailure(.cannotWrite, "cannot write a temporary file in \(folder): \(error)")
    }
  }

  /// Writes all of a piece from `offset` on.
  ///
  /// - Throws: `CommandFailure`, 73.
  package func write(_ piece: UnsafeRawBufferPointer, at offset: Int) throws(CommandFailure) {
    do { try FileBytes.write(piece, to: descriptor, at: offset) } catch {
      throw CommandFailure(.cannotWrite, "cannot write a temporary file in \(folder): \(error)")
    }
  }

  /// How much room is left on its disk.
  package var freeBytes: Int {
    var status = statvfs()
    // What does not tell has room until a write fails.
    guard fstatvfs(descriptor, &status) == 0 else { return .max }
    return Int(clamping: status.f_bavail.multipliedReportingOverflow(by: status.f_frsize).partialValue)
  }

  /// Fills a buffer with what stands from `offset` on, as far as the file reaches; returns how many bytes that are.
  ///
  /// - Throws: `CommandFailure`, 74.
  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CommandFailure) -> Int {
    do { return try FileBytes.read(descriptor, at: offset, into: buffer) } catch {
      throw CommandFailure(.cannotRead, "cannot read a temporary file in \(folder): \(error)")
    }
  }

  /// Its descriptor, to read it from its beginning; it lasts as long as the file.
  package var fromBeginning: Int32 {
    lseek(descriptor, 0, Int32(SEEK_SET))
    return descriptor
  }

  /// Forgets what it holds.
  package func empty() {
    ftruncate(descriptor, 0)
    lseek(descriptor, 0, Int32(SEEK_SET))
  }
}
