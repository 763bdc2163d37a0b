import Glibc

/// A file with one JSON object, put in place at once: a reader never sees half of it.
package enum SummaryFile {
  /// - Throws: `CommandFailure`, 73.
  package static func write(_ document: JSONValue, to path: String) throws(CommandFailure) {
    let bytes = Array((document.text + "\n").utf8)
    // A device or pipe (/dev/stderr, a FIFO) cannot be replaced; it is written to.
    var information = stat()
    let isRegular = stat(path, &information) != 0 || information.st_mode & S_IFMT == S_IFREG
    let target = isRegular ? path + ".part" : path
    let file = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw CommandFailure(.cannotWrite, "cannot write \(path): \(SystemError())") }
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let error = SystemError()
        close(file)
        throw CommandFailure(.cannotWrite, "cannot write \(path): \(error)")
      }
      written += count
    }
    guard close(file) == 0, !isRegular || rename(target, path) == 0 else {
      throw CommandFailure(.cannotWrite, "cannot write \(path): \(SystemError())")
    }
  }
}
