import D2Common
import Glibc

/// What the commands of one worker share about a server: the session of the first sign-in, and small answers that stay
/// valid for a while. So a worker signs in once, and not with each command.
///
/// The files are in a private folder of the worker (`D2_SESSION_DIR`), which is deleted with the worker. Each file is
/// for one server and one user. So a cookie is never sent to another server, or for another user.
package struct WorkerSession: Sendable {
  package static let variable = "D2_SESSION_DIR"

  /// The prefix of its files, which the worker deletes.
  package static let prefix = "session-"

  private let server: String
  private let path: String

  /// Metadata stays valid for a few minutes.
  private static let holdsSeconds = 600.0
  /// How long one command waits for the sign-in or the request of another.
  private static let patienceSeconds = 10.0
  private static let mostBytes = 4 << 20

  /// - Returns: `nil` outside of a worker, or if its folder is not private.
  package init?(_ server: ServerURL, _ credentials: Credentials, environment: [String: String]) {
    guard let folder = environment[Self.variable], folder.hasPrefix("/"), Self.isPrivate(folder) else { return nil }
    let user: String
    switch credentials {
    case .none, .queueToken: return nil
    case .basic(let username, _): user = "basic \(username)"
    case .token(let token): user = "token \(token)"
    }
    self.server = server.description
    path = "\(folder)/\(Self.prefix)\(Fingerprint.of(self.server + "\n" + user))"
  }

  private static func isPrivate(_ folder: String) -> Bool {
    var status = stat()
    return lstat(folder, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && status.st_uid == geteuid()
      && status.st_mode & 0o077 == 0
  }

  // MARK: The session

  /// The cookies of the session, in Netscape's cookie file format; empty before the first sign-in.
  var cookies: [String] {
    let lines = read(path).split(separator: "\n").map(String.init)
    return lines.first == server ? Array(lines.dropFirst()) : []
  }

  func keep(cookies: [String]) { write(([server] + cookies).joined(separator: "\n") + "\n", to: path) }

  /// What only one command may do at a time.
  enum Turn: String { case signIn, question }

  /// Runs `body` while no other command does the same.
  func exclusively<Result>(_ turn: Turn, _ body: () throws -> Result) rethrows -> Result {
    let lock = FileTurn.wait("\(path)-\(turn.rawValue).lock", atMostSeconds: Self.patienceSeconds)
    defer { withExtendedLifetime(lock) {} }
    return try body()
  }

  // MARK: Answers

  /// A recent answer to another command, with the time of its `Date` header.
  func answer(to target: String) -> (document: JSONValue, date: UTCTime?)? {
    let file = file(of: target)
    var status = stat()
    guard stat(file, &status) == 0, abs(Double(time(nil) - status.st_mtim.tv_sec)) < Self.holdsSeconds,
      let kept = try? JSONValue(parsing: Array(read(file).utf8)), kept["server"]?.string == server,
      kept["target"]?.string == target, let document = kept["document"]
    else { return nil }
    return (document, kept["date"]?.int.map { UTCTime(seconds: $0) })
  }

  func keep(_ document: JSONValue, date: UTCTime?, of target: String) {
    let kept: JSONValue = [
      "server": .string(server), "target": .string(target), "date": .int(orNull: date?.seconds), "document": document,
    ]
    write(kept.text, to: file(of: target))
  }

  private func file(of target: String) -> String { "\(path)-\(Fingerprint.of(target))" }

  // MARK: Files

  private func read(_ file: String) -> String {
    (try? FileBytes.read(file, atMost: Self.mostBytes)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// Writes a file atomically. If that fails, the next command asks the server again.
  private func write(_ text: String, to file: String) {
    let draft = "\(file).\(getpid())"
    guard text.utf8.count <= Self.mostBytes, let output = try? ReplacedFile(draft, mode: 0o600) else { return }
    guard (try? output.write(Array(text.utf8))) != nil, (try? output.finish()) != nil, rename(draft, file) == 0 else {
      unlink(draft)
      unlink("\(draft).part")
      return
    }
  }
}
