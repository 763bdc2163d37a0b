import TestSupport
import Testing

@testable import D2Common

@Suite("Credentials")
struct CredentialsTests {
  let folder = Folder()

  func resolve(
    pat: String? = nil, username: String? = nil, password: String? = nil, _ environment: [String: String] = [:]
  ) throws(CommandFailure) -> Credentials {
    try Credentials.resolve(patFile: pat, username: username, passwordFile: password, environment: environment)
  }

  @Test(
    "come from the environment",
    arguments: [
      (["D2_PAT": "d2p_secret"], "ApiToken d2p_secret"), ([:], nil), (["D2_PAT": ""], nil),
      (["D2_USERNAME": "admin", "D2_PASSWORD": "district"], "Basic YWRtaW46ZGlzdHJpY3Q="),
      (["D2_USERNAME": "a", "D2_PASSWORD": ""], "Basic YTo="),
      (["D2_USERNAME": "é", "D2_PASSWORD": "ñ"], "Basic w6k6w7E="),
      (["D2_PAT": "t", "D2_USERNAME": "a", "D2_PASSWORD": "b"], "ApiToken t"), (["D2_PASSWORD": "b"], nil),
    ])
  func environment(variables: [String: String], authorization: String?) throws {
    #expect(try resolve(variables).authorization == authorization)
  }

  @Test("options come before the environment; a secret is the first line of its file")
  func files() throws {
    let pat = folder.file("pat", "d2p_fromfile\r\nsecond line\n")
    let password = folder.file("password", "p: w")
    let variables = ["D2_PAT": "env", "D2_USERNAME": "env", "D2_PASSWORD": "env"]
    #expect(try resolve(pat: pat, variables).authorization == "ApiToken d2p_fromfile")
    #expect(try resolve(username: "u", password: password, variables).authorization == "Basic dTpwOiB3")
    #expect(try resolve(username: "u", variables).authorization == "Basic dTplbnY=")
  }

  @Test("refusals name the cause and never show a secret")
  func refusals() {
    let secret = "s3cr3t\u{1}tail"
    let odd = folder.file("odd", secret)
    let empty = folder.file("empty", "\nsecond")
    func check(_ status: D2Common.ExitStatus, _ part: String, _ body: () throws(CommandFailure) -> Credentials) {
      do throws(CommandFailure) {
        let credentials = try body()
        Issue.record("no failure but \(credentials)")
      } catch {
        #expect(error.status == status && error.message.contains(part) && !error.message.contains("s3cr3t"), "\(error)")
      }
    }
    check(.usage, "not both") { () throws(CommandFailure) in try resolve(pat: odd, username: "u") }
    check(.usage, "not both") { () throws(CommandFailure) in try resolve(pat: odd, password: odd) }
    check(.usage, "--username needs") { () throws(CommandFailure) in try resolve(username: "u") }
    check(.usage, "--password-file needs --username") { () throws(CommandFailure) in try resolve(password: odd) }
    check(.usage, "D2_PASSWORD is not") { () throws(CommandFailure) in try resolve(["D2_USERNAME": "u"]) }
    check(.configuration, "control character") { () throws(CommandFailure) in try resolve(pat: odd) }
    check(.configuration, "control character") { () throws(CommandFailure) in try resolve(["D2_PAT": secret]) }
    check(.configuration, "control character") { () throws(CommandFailure) in try resolve(["D2_PAT": "s3cr3t\r\nX: y"])
    }
    check(.configuration, "is empty") { () throws(CommandFailure) in try resolve(pat: empty) }
    check(.cannotRead, "/nowhere/pat") { () throws(CommandFailure) in try resolve(pat: "/nowhere/pat") }
  }

  @Test("a description never shows the secret")
  func descriptions() {
    let all: [Credentials] = [.basic(username: "admin", password: "s3cr3t"), .token("s3cr3t"), .none]
    for credentials in all {
      #expect(!"\(credentials)".contains("s3cr3t"))
      #expect(!String(describing: Optional(credentials)).contains("s3cr3t"))
    }
    #expect("\(all[0])" == "user admin")
  }
}
