import TestSupport
import Testing

@testable import D2Common
@testable import D2Client

@Suite("Credentials")
struct CredentialsTests {
  let folder = Folder()

  func resolve(
    pat: String? = nil, username: String? = nil, password: String? = nil, _ environment: [String: String] = [:],
    for side: PairSide = .source
  ) throws(CommandFailure) -> Credentials {
    try SignIn.find(
      patFile: pat, username: username, passwordFile: password, for: side, environment: environment
    ).credentials
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

  @Test(
    "those that are named for a side come before the others there, and go nowhere else",
    arguments: [
      (["D2_SOURCE_PAT": "s"], "ApiToken s", nil), (["D2_DESTINATION_PAT": "d"], nil, "ApiToken d"),
      (["D2_SOURCE_PAT": "s", "D2_DESTINATION_PAT": "d", "D2_PAT": "g"], "ApiToken s", "ApiToken d"),
      (["D2_SOURCE_PAT": "s", "D2_PAT": "g"], "ApiToken s", "ApiToken g"),
      (["D2_SOURCE_PAT": "", "D2_PAT": "g"], "ApiToken g", "ApiToken g"),
      (["D2_SOURCE_USERNAME": "a", "D2_SOURCE_PASSWORD": "b"], "Basic YTpi", nil),
      (["D2_SOURCE_USERNAME": "a", "D2_SOURCE_PASSWORD": "b", "D2_PAT": "g"], "Basic YTpi", "ApiToken g"),
      (["D2_SOURCE_PASSWORD": "b", "D2_USERNAME": "a", "D2_PASSWORD": "b"], "Basic YTpi", "Basic YTpi"),
      (["D2_SOURCE_PASSWORD": "b"], nil, nil),
    ] as [([String: String], String?, String?)])
  func sides(variables: [String: String], source: String?, destination: String?) throws {
    #expect(try resolve(variables).authorization == source)
    #expect(try resolve(variables, for: .destination).authorization == destination)
  }

  @Test("with a user name on the command line the side's password is taken, then the general one")
  func passwordsOfSides() throws {
    let variables = ["D2_SOURCE_PASSWORD": "s", "D2_PASSWORD": "g", "D2_DESTINATION_PASSWORD": ""]
    #expect(try resolve(username: "u", variables).authorization == "Basic dTpz")
    #expect(try resolve(username: "u", ["D2_PASSWORD": "g"]).authorization == "Basic dTpn")
    #expect(try resolve(username: "u", variables, for: .destination).authorization == "Basic dTo=")
    #expect(throws: CommandFailure.self) { try resolve(username: "u", ["D2_DESTINATION_PASSWORD": "d"]) }
  }

  @Test("a token that is named for one server is not sent to the other, under no name")
  func tokenOfOther() throws {
    let variables = ["D2_SOURCE_PAT": "s3cr3t", "D2_PAT": "s3cr3t"]
    #expect(try resolve(variables).authorization == "ApiToken s3cr3t")
    #expect {
      try resolve(variables, for: .destination)
    } throws: { error in
      "\(error)".contains("D2_SOURCE_PAT") && "\(error)".contains("Set D2_DESTINATION_PAT")
        && !"\(error)".contains("s3cr3t")
    }
    let both = variables.merging(["D2_DESTINATION_PAT": "s3cr3t"]) { $1 }
    #expect(try resolve(both, for: .destination).authorization == "ApiToken s3cr3t")
  }

  @Test(
    "advice names the place where they were found, or could have been",
    arguments: [
      (["D2_SOURCE_PAT": "x"], "check the token in D2_SOURCE_PAT"), (["D2_PAT": "x"], "check the token in D2_PAT"),
      (["D2_USERNAME": "a", "D2_PASSWORD": "b"], "check D2_USERNAME and D2_PASSWORD"),
      ([:], "no credentials were given: set D2_SOURCE_PAT, or D2_SOURCE_USERNAME and D2_SOURCE_PASSWORD"),
      (
        ["D2_DESTINATION_PAT": "x"],
        "no credentials were given: set D2_SOURCE_PAT, or D2_SOURCE_USERNAME and D2_SOURCE_PASSWORD; D2_DESTINATION_PAT is for the destination only"
      ),
    ])
  func advice(variables: [String: String], advice: String) throws {
    let signIn = try SignIn.find(
      patFile: nil, username: nil, passwordFile: nil, for: .source, environment: variables)
    #expect(signIn.origin.advice == advice)
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
        #expect(error.exitStatus == status)
        #expect(error.message.contains(part) && !error.message.contains("s3cr3t"), "\(error)")
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
