import D2Client
import D2Common
import Glibc

/// A private folder for the summaries of one attempt, or for data that the commands of a worker share. It is deleted at
/// their end. If the worker is killed, the next run deletes it.
final class WorkFolder: Sendable {
  let path: String
  /// Its lock lasts as long as the worker lives.
  private let descriptor: Int32

  private static let prefix = "d2-worker-"
  /// Another run that starts at the same moment may take a folder without a lock for abandoned, and remove it.
  private static let tries = 10

  /// - Parameter parent: the folder for temporary files.
  /// - Throws: `CommandFailure`, 73.
  init(in parent: String) throws(CommandFailure) {
    for _ in 0..<Self.tries {
      var template = Array("\(parent)/\(Self.prefix)XXXXXX".utf8CString)
      guard mkdtemp(&template) != nil else { break }
      // Not the result of mkdtemp, which points into the array. The array may be freed by then.
      let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      guard let descriptor = Self.lock(path, LOCK_EX) else { continue }
      self.path = path
      self.descriptor = descriptor
      return
    }
    throw CommandFailure(.cannotWrite, "cannot make a folder in \(parent): \(SystemError())")
  }

  deinit {
    Self.remove(path)
    close(descriptor)
  }

  func summary(_ name: String) -> JSONValue? {
    guard let bytes = try? FileBytes.read("\(path)/\(name).json", atMost: 16 << 20) else { return nil }
    return try? JSONValue(parsing: bytes)
  }

  /// The environment of a command that finds the session of its worker in this folder.
  ///
  /// - Parameter takesTurns: whether only one d2-pull and one d2-push of the worker may send requests at a time.
  func offered(in environment: [String: String], takesTurns: Bool) -> [String: String] {
    var environment = environment
    // A script may set a session that all its commands share.
    if environment[WorkerSession.variable]?.isEmpty ?? true { environment[WorkerSession.variable] = path }
    environment[WorkerTurn.variable] = takesTurns ? path : nil
    return environment
  }

  /// Removes the folders of workers that were killed: nobody holds a lock on them.
  static func removeAbandoned(in parent: String) {
    for name in FolderNames.read(parent) where name.hasPrefix(prefix) && name.utf8.count == prefix.utf8.count + 6 {
      let path = "\(parent)/\(name)"
      guard let descriptor = lock(path, LOCK_EX | LOCK_NB) else { continue }
      remove(path)
      close(descriptor)
    }
  }

  /// Locks an existing folder that belongs to this user.
  private static func lock(_ path: String, _ operation: Int32) -> Int32? {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    if flock(descriptor, operation) == 0, fstat(descriptor, &status) == 0, status.st_nlink > 0,
      status.st_uid == geteuid(), status.st_mode & 0o777 == 0o700
    {
      return descriptor
    }
    close(descriptor)
    return nil
  }

  private static func remove(_ path: String) {
    // A killed command may have left an incomplete summary under another name. Other files are not d2's, so the folder
    // then stays.
    let ours = ["pull.json", "push.json", WorkerSession.prefix, WorkerTurn.prefix]
    for name in FolderNames.read(path) where ours.contains(where: { name.hasPrefix($0) }) {
      unlink("\(path)/\(name)")
    }
    rmdir(path)
  }
}
