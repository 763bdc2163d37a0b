import Glibc
import TestSupport
import Testing

@testable import D2Client
@testable import D2Common

/// The data that a worker's commands share.
@Suite("WorkerSession and FileTurn")
struct WorkerSessionTests {
  private final class Folder {
    let path: String
    init(mode: mode_t = 0o700) throws {
      var template = Array("/tmp/d2-session-XXXXXX".utf8CString)
      try #require(mkdtemp(&template) != nil)
      path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      chmod(path, mode)
    }
    deinit {
      chmod(path, 0o700)
      for name in FolderNames.read(path) { unlink("\(path)/\(name)") }
      rmdir(path)
    }
    func session(_ server: String, _ credentials: Credentials) throws -> WorkerSession? {
      WorkerSession(try ServerURL(server), credentials, environment: [WorkerSession.variable: path])
    }
  }

  private static let user = Credentials.basic(username: "admin", password: "district")

  @Test("a session is for one server and one user")
  func whose() throws {
    let folder = try Folder()
    let session = try #require(try folder.session("https://a.example/dhis", Self.user))
    #expect(session.cookies.isEmpty)
    session.keep(cookies: ["#HttpOnly_a.example\tFALSE\t/dhis\tTRUE\t0\tJSESSIONID\tABC"])
    #expect(try folder.session("https://a.example/dhis", Self.user)?.cookies.count == 1)
    for (server, user) in [
      ("https://b.example/dhis", Self.user), ("https://a.example", Self.user),
      ("http://a.example/dhis", Self.user), ("https://a.example/dhis", .basic(username: "other", password: "district")),
      ("https://a.example/dhis", .token("d2p_x")),
    ] { #expect(try folder.session(server, user)?.cookies == [], "\(server) \(user)") }
    for name in FolderNames.read(folder.path) {
      var status = stat()
      #expect(stat("\(folder.path)/\(name)", &status) == 0 && status.st_mode & 0o077 == 0, "\(name)")
    }
  }

  @Test(
    "no session without a user, outside of a worker, or where others can look", arguments: [0o755, 0o770, 0o707])
  func none(mode: Int) throws {
    #expect(try Folder().session("https://a.example", .none) == nil)
    #expect(try Folder(mode: mode_t(mode)).session("https://a.example", Self.user) == nil)
    let server = try ServerURL("https://a.example")
    #expect(WorkerSession(server, Self.user, environment: [:]) == nil)
    #expect(WorkerSession(server, Self.user, environment: [WorkerSession.variable: "relative"]) == nil)
    #expect(WorkerSession(server, Self.user, environment: [WorkerSession.variable: "/nowhere"]) == nil)
  }

  @Test("answers hold for some minutes, each for its question; a damaged file holds no answer")
  func answers() throws {
    let folder = try Folder()
    let session = try #require(try folder.session("https://a.example", Self.user))
    #expect(session.answer(to: "/api/x") == nil)
    session.keep(["a": 1], date: UTCTime(seconds: 1000), of: "/api/x")
    #expect(session.answer(to: "/api/x")?.document == ["a": 1])
    #expect(session.answer(to: "/api/x")?.date == UTCTime(seconds: 1000))
    #expect(session.answer(to: "/api/y") == nil)
    #expect(try folder.session("https://b.example", Self.user)?.answer(to: "/api/x") == nil)
    let file = "\(folder.path)/\(try #require(FolderNames.read(folder.path).first))"
    var times = [timespec(tv_sec: time(nil) - 3600, tv_nsec: 0), timespec(tv_sec: time(nil) - 3600, tv_nsec: 0)]
    utimensat(AT_FDCWD, file, &times, 0)
    #expect(session.answer(to: "/api/x") == nil, "an hour old")
    let broken = try ReplacedFile(file, mode: 0o600)
    try broken.write(Array("{\"server\":".utf8))
    try broken.finish()
    #expect(session.answer(to: "/api/x") == nil)
  }

  @Test("one at a time has the turn; who gave it back lets the next one in")
  func turns() throws {
    let folder = try Folder()
    let path = "\(folder.path)/turn"
    var first = FileTurn.wait(path)
    #expect(first?.isFirst == true)
    #expect(FileTurn.wait(path, atMostSeconds: 0.05) == nil)
    withExtendedLifetime(first) {}
    first = nil
    #expect(FileTurn.wait(path, atMostSeconds: 30)?.isFirst == false)
    #expect(FileTurn.wait("/nowhere/turn") == nil)
  }
}
