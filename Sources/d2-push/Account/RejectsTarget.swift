import D2Common
import Glibc

/// Writes the rejects of a run into `FILE.part`, which is renamed to `FILE` at the end. Rejects of an earlier run are
/// never lost. Two runs never write into one file, because the writer locks the part for as long as it lives.
///
/// A device or pipe (`/dev/stderr`, a FIFO) cannot be replaced, so the rejects are written to it directly.
final class RejectsTarget {
  let path: String
  let part: String
  private let policy: RejectsPolicy
  private let descriptor: Int32
  private let isRegular: Bool
  /// How many bytes of the part are whole lines.
  private var length: off_t = 0
  private var isOpen = true

  /// - Throws: `CommandFailure`, 73, before anything was sent.
  init(_ path: String, _ policy: RejectsPolicy) throws(CommandFailure) {
    self.path = path
    self.policy = policy
    part = path + ".part"
    var information = stat()
    isRegular = stat(path, &information) != 0 || information.st_mode & S_IFMT == S_IFREG
    guard isRegular else {
      descriptor = open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw Self.cannotWrite(path) }
      return
    }
    descriptor = try Self.locked(part, of: path)
    do throws(CommandFailure) { try begin() } catch {
      close(descriptor)
      isOpen = false
      throw error
    }
  }

  deinit {
    guard isOpen else { return }
    // Nothing was refused, or the start failed.
    if isRegular, length == 0 { unlink(part) }
    close(descriptor)
  }

  /// Opens and locks the part. The lock ends with the process, however that ends.
  private static func locked(_ part: String, of path: String) throws(CommandFailure) -> Int32 {
    while true {
      let descriptor = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw Self.cannotWrite(path) }
      // On a file system without locks, a second writer cannot be detected.
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
        close(descriptor)
        throw CommandFailure(
          .cannotWrite,
          "another d2-push is writing rejects into \(path) now: give each one a file of its own; nothing was sent")
      }
      // An earlier owner may have renamed the part meanwhile.
      if isOpen(part, descriptor) { return descriptor }
      close(descriptor)
    }
  }

  private func begin() throws(CommandFailure) {
    let (old, left) = (Self.size(path), Self.size(part))
    let choice = "--append-rejects, --overwrite-rejects, or another name; nothing was sent"
    if policy == .refuse, left > 0 {
      throw CommandFailure(
        .cannotWrite, "\(part) holds the rejects of a run that did not finish: look at it, then give \(choice)"
      )
    }
    if isInput, holdsRejects {
      if left == 0 { unlink(part) }
      throw CommandFailure(
        .malformedInput,
        "\(path) holds rejects, not values: jq -c 'select(.value).value' \(path) | d2-push --rejects OTHER …; "
          + "nothing was sent")
    }
    if policy == .refuse, old > 0, !isInput {
      if left == 0 { unlink(part) }
      throw CommandFailure(.cannotWrite, "\(path) holds rejects already: give \(choice)")
    }
    if policy == .append, left > 0 {
      length = left
      // A killed writer may have stopped in the middle of a line.
      var last: UInt8 = 0
      guard pread(descriptor, &last, 1, left - 1) == 1, lseek(descriptor, left, SEEK_SET) == left else {
        throw CommandFailure(.cannotWrite, "cannot read \(part): \(SystemError())")
      }
      if last != 0x0A { try write([0x0A]) }
    } else {
      guard ftruncate(descriptor, 0) == 0 else { throw Self.cannotWrite(part) }
    }
  }

  private static func cannotWrite(_ path: String, _ error: any Error = SystemError()) -> CommandFailure {
    CommandFailure(.cannotWrite, "cannot write \(path): \(error)")
  }

  /// Whether the file begins like rejects that d2-push wrote.
  private var holdsRejects: Bool {
    let start = (try? FileBytes.read(path, atMost: 16)) ?? []
    return [#"{"value":{"#, #"{"text":""#].contains { start.starts(with: $0.utf8) }
  }

  /// Whether standard input is the file to be replaced. Then nobody else needs its content.
  private var isInput: Bool { Self.isOpen(path, 0) }

  /// Whether an open descriptor belongs to the file that the path names now.
  private static func isOpen(_ path: String, _ descriptor: Int32) -> Bool {
    var (mine, named) = (stat(), stat())
    return fstat(descriptor, &mine) == 0 && stat(path, &named) == 0 && mine.st_dev == named.st_dev
      && mine.st_ino == named.st_ino
  }

  private static func size(_ path: String) -> off_t {
    var information = stat()
    return stat(path, &information) == 0 ? information.st_size : 0
  }

  /// Writes whole lines. If that fails, the part ends after the last whole line before them.
  ///
  /// - Throws: `CommandFailure`, 73.
  func write(_ lines: [UInt8]) throws(CommandFailure) {
    do { try lines.withUnsafeBytes { try FileBytes.write($0, to: descriptor) } } catch {
      if isRegular, ftruncate(descriptor, length) == 0 { lseek(descriptor, length, SEEK_SET) }
      throw Self.cannotWrite(isRegular ? part : path, error)
    }
    length += off_t(lines.count)
  }

  /// Puts the rejects in place, and returns their path.
  ///
  /// - Parameter isWhole: whether all of the input was read and answered for. If not, existing rejects stay, because
  ///   the input may come from them. The rejects of this run then stay in the part.
  /// - Throws: `CommandFailure`, 73.
  func finish(isWhole: Bool) throws(CommandFailure) -> String {
    guard isOpen, isRegular else { return path }
    let old = Self.size(path)
    if old > 0, policy == .append {
      if length > 0 { try append(behind: old) }
      unlink(part)
    } else if old > 0, !isWhole {
      if length == 0 { unlink(part) }
      return length == 0 ? path : part
    } else if rename(part, path) != 0 {
      throw CommandFailure(
        .cannotWrite, "cannot rename \(part) to \(path): \(SystemError()); \(part) holds the rejects")
    }
    isOpen = false
    close(descriptor)
    return path
  }

  /// Appends the part to the existing rejects, or leaves them as they were.
  private func append(behind old: off_t) throws(CommandFailure) {
    let file = open(path, O_RDWR | O_APPEND | O_CLOEXEC)
    guard file >= 0 else { throw Self.cannotWrite(path) }
    defer { close(file) }
    var block = [UInt8](repeating: 0, count: 256 * 1024)
    var last: UInt8 = 0x0A
    _ = pread(file, &last, 1, old - 1)
    do {
      if last != 0x0A { try [UInt8(0x0A)].withUnsafeBytes { try FileBytes.write($0, to: file) } }
      var offset = 0
      while offset < length {
        let got = try block.withUnsafeMutableBytes { try FileBytes.read(descriptor, at: offset, into: $0) }
        guard got > 0 else { break }
        try block.withUnsafeBytes { try FileBytes.write(UnsafeRawBufferPointer(rebasing: $0[..<got]), to: file) }
        offset += got
      }
    } catch {
      _ = ftruncate(file, old)
      throw CommandFailure(.cannotWrite, "cannot write \(path): \(error); \(part) holds the rejects")
    }
  }
}
