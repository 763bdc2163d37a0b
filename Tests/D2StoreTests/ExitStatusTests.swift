import Testing

@testable import D2Client
@testable import D2Common
@testable import D2Store

/// `ExitStatus` is of D2Common. Its test is here because it is about errors of three targets, and this is the first
/// that sees all of them.
@Suite("Exit statuses")
struct ExitStatusTests {
  private struct Unknown: Error {}

  @Test("an error says how a command ends; one that does not is a bug of ours")
  func ofErrors() throws {
    #expect(ExitStatus(of: CommandFailure(.cannotRead, "no")) == .cannotRead)
    #expect(ExitStatus(of: StoreError(.busy, "locked")) == .temporary)
    let server = try ServerURL("http://127.0.0.1:9")
    #expect(ExitStatus(of: ServerError(server, "/api/me", .loginPage, "a page")) == .refused)
    #expect(ExitStatus(of: Unknown()) == .bug)
  }
}
