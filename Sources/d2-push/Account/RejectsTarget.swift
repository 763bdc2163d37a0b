import D2Common
import Glibc

/// Where the rejects of a run go: beside their file, into `FILE.part`, which takes the file's place at the end. It
/// never costs anybody rejects of an earlier run, and two runs never write into one file: the part is locked as long as
/// its writer lives.
///
/// A device or pipe (`/dev/stderr`, a FIFO) cannot be replaced; it is written to.
final class RejectsTarget {
  let path: String
  let part: String
  private let policy: RejectsPolicy
  private let descriptor: Int32
  private let isRegular: Bool
  /// How much of the part is whole lines.
  private var length: off_t = 0
  private var isOpen = true

  /// - Throws: `CommandFailure`, 73: before anything was sent.
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
    // Nothing was refused, or nothing was begun.
    if isRegular, length == 0 { unlink(part) }
    close(descriptor)
  }

  /// Opens and locks the part: the lock ends with the process, however it ends.
  private static func locked(_ part: String, of path: String) throws(CommandFailure) -> Int32 {
    while true {
      let descriptor = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw Self.cannotWrite(path) }
      // File systems without locks have no second writer that could be found out.
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
        close(descriptor)
        throw CommandFailure(
          .cannotWrite,
          "another d2-push is writing rejects into \(path) now: give each one a file of its own; nothing was sent")
      }
      // Whoever had it may have put it in place meanwhile.
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
      // A writer that was killed may have been in the middle of a line.
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

  /// Whether the file begins as one that d2-push has written.
  private var holdsRejects: Bool {
    let start = (try? FileBytes.read(path, atMost: 16)) ?? []
    return [#"{"value":{"#, #"{"text":""#].contains { start.starts(with: $0.utf8) }
  }

  /// Whether standard input is the very file that is to be replaced: then nobody else needs what it holds.
  private var isInput: Bool { Self.isOpen(path, 0) }

  /// Whether an open descriptor is of the file that the path names now.
  private static func isOpen(_ path: String, _ descriptor: Int32) -> Bool {
    var (mine, named) = (stat(), stat())
    return fstat(descriptor, &mine) == 0 && stat(path, &named) == 0 && mine.st_dev == named.st_dev
      && mine.st_ino == named.st_ino
  }

  private static func size(_ path: String) -> off_t {
    var information = stat()
    return stat(path, &information) == 0 ? information.st_size : 0
  }

  /// Writes whole lines. Where that fails, the part ends after the last whole line before them.
  ///
  /// - Throws: `CommandFailure`, 73.
  func write(_ lines: [UInt8]) throws(CommandFailure) {
    do { try lines.withUnsafeBytes { try FileBytes.write($0, to: descriptor) } } catch {
      if isRegular, ftruncate(descriptor, length) == 0 { lseek(descriptor, length, SEEK_SET) }
      throw Self.cannotWrite(isRegular ? part : path, error)
    }
    length += off_t(lines.count)
  }

  /// Puts the rejects in place; returns where they are.
  ///
  /// - Parameter isWhole: whether all of the input was read and answered for. Else rejects that are there already stay,
  ///   since they may be what the input was made of, and those of this run stay in the part.
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

  /// Copies the part after what is there, or leaves that as it was.
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
