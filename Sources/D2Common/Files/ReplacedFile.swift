import Glibc

/// A file that is written under another name and renamed at the end. So readers never see an incomplete file, and can
/// read the old content until then.
///
/// A device or pipe (`/dev/stderr`, a FIFO) cannot be replaced, so it is written to directly.
package final class ReplacedFile {
  private let descriptor: Int32
  private let path: String
  private let target: String
  private var isOpen = true

  /// - Parameter mode: the permissions of a new file.
  /// - Throws: `CommandFailure`, 73.
  package init(_ path: String, mode: mode_t) throws(CommandFailure) {
    self.path = path
    var information = stat()
    let isRegular = stat(path, &information) != 0 || information.st_mode & S_IFMT == S_IFREG
    target = isRegular ? path + ".part" : path
    descriptor = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw CommandFailure(.cannotWrite, "cannot write \(path): \(SystemError())") }
  }

  deinit { if isOpen { close(descriptor) } }

  /// Writes all bytes. - Throws: `CommandFailure`, 73.
  package func write(_ bytes: [UInt8]) throws(CommandFailure) {
    do { try bytes.withUnsafeBytes { try FileBytes.write($0, to: descriptor) } } catch {
      throw CommandFailure(.cannotWrite, "cannot write \(path): \(error)")
    }
  }

  /// Renames the file to its name. - Throws: `CommandFailure`, 73.
  package func finish() throws(CommandFailure) {
    guard isOpen else { return }
    isOpen = false
    guard close(descriptor) == 0, target == path || rename(target, path) == 0 else {
      throw CommandFailure(.cannotWrite, "cannot write \(path): \(SystemError())")
    }
  }
}
