import D2Common
import Glibc
import TestSupport
import Testing

@testable import d2_push
import D2Client

@Suite("Account, BatchOutcome and RejectsFile")
struct AccountTests {
  /// A line that is not a data value, in a block after others.
  static func refuse(_ text: String, number: Int, _ fault: String, _ account: Account) throws(CommandFailure) {
    var piece = LocatedLines()
    piece.linesBefore = number - 1
    try account.refuse(.init(number: 1, kept: .text(text), what: fault), of: piece)
  }

  static func summary(_ imported: Int, _ updated: Int, _ deleted: Int) throws -> ImportSummary {
    let counts = "\"imported\":\(imported),\"updated\":\(updated),\"deleted\":\(deleted),\"ignored\":0"
    return try #require(ImportSummary(try JSONValue(parsing: "{\"importCount\":{\(counts)}}")))
  }

  @Test("whatever a server counts, every value is accounted for once")
  func everyValue() throws {
    for seed in 0..<500 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let count = Int.random(in: 1...12, using: &random)
      let batch = try BatchTests.batch((0..<count).map { "{\"value\":\"\($0)\"}" })
      var outcome = BatchOutcome()
      for _ in 0..<6 {
        if Bool.random(using: &random) {
          let counts = (0..<3).map { _ in Int.random(in: 0...4, using: &random) }
          outcome.count(try Self.summary(counts[0], counts[1], counts[2]), of: batch)
        } else {
          outcome.refuse(Int.random(in: 0..<count, using: &random), Refusal(message: "no"), of: batch)
        }
        let parts = [
          outcome.imported, outcome.updated, outcome.deleted, outcome.refused.count, outcome.ignored(of: batch),
        ]
        #expect(parts.allSatisfy { $0 >= 0 } && parts.reduce(0, +) == count, "seed \(seed): \(parts)")
      }
      let account = try Account(rejectsFile: nil)
      account.took(count)
      account.batched(count)
      #expect(!account.isBalanced)
      try account.close(batch, outcome)
      #expect(account.isBalanced, "seed \(seed): \(account.line)")
      let line = outcome.line(of: batch)
      #expect(line["values"]?.int == count && line["refused"]?.int == outcome.refused.count)
    }
  }

  @Test("refused values are kept verbatim, each with its line and reason; text that is not JSON is kept as text")
  func rejects() throws {
    var template = Array("/tmp/d2-test-XXXXXX".utf8CString)
    close(mkstemp(&template))
    let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer { unlink(path) }
    let texts = [#"{"value" : 1.50,"c":"é\u00e9"}"#, "{ }", #"{"a":"\""}"#]
    let account = try Account(rejectsFile: path)
    let batch = try BatchTests.batch(texts)
    var outcome = BatchOutcome()
    outcome.refuse(2, Refusal(code: "E7619", message: "a \"quoted\" reason", httpStatus: 409), of: batch)
    outcome.refuse(0, Refusal(message: "none"), of: batch)
    outcome.notSent = [1]
    outcome.notSentReason = Refusal(message: "not sent: later")
    try account.close(batch, outcome)
    let odd: [UInt8] = Array("{odd \"".utf8) + [0xFF, 0x01]
    try Self.refuse(String(decoding: odd, as: UTF8.self), number: 9, "not a JSON object", account)
    try Array("[1]".utf8).withUnsafeBytes { try account.notSent(line: $0, number: 10, Refusal(message: "x")) }
    try Array(#"{"a":1}"#.utf8).withUnsafeBytes { try account.notSent(line: $0, number: 11, Refusal(message: "x")) }
    try account.finish(isWhole: true)
    let hint = try #require(ErrorCode.named("E7619")).advice
    let expected = [
      #"{"value":{"value" : 1.50,"c":"é\u00e9"},"line":1,"message":"none"}"#,
      #"{"value":{"a":"\""},"line":3,"errorCode":"E7619","message":"a \"quoted\" reason","hint":"\#(hint)","httpStatus":409}"#,
      #"{"value":{ },"line":2,"message":"not sent: later"}"#,
      #"{"text":"{odd \"�\u0001","line":9,"message":"not a JSON object"}"#, #"{"text":"[1]","line":10,"message":"x"}"#,
      #"{"value":{"a":1},"line":11,"message":"x"}"#,
    ]
    let lines = String(decoding: try FileBytes.read(path), as: UTF8.self).split(separator: "\n").map(String.init)
    #expect(lines == expected)
    for line in lines { _ = try JSONValue(parsing: line) }
    let totals = account.totals
    #expect(totals.refused == 3 && totals.notSent == 3 && totals.read == 3)
    var information = stat()
    #expect(stat(path, &information) == 0 && information.st_mode & 0o777 == 0o600)
  }

  @Test("without a file for rejects a malformed line ends the run with status 65, by its number")
  func malformed() throws {
    let account = try Account(rejectsFile: nil)
    #expect {
      try Self.refuse("x", number: 12, "not a JSON object", account)
    } throws: { error in
      let failure = error as? CommandFailure
      return failure?.exitStatus == .malformedInput && failure?.message.hasPrefix("line 12: not a JSON object") == true
    }
  }

  @Test("a file for rejects that cannot be written is status 73", arguments: ["/nowhere/rejects", "/dev/full"])
  func cannotWrite(path: String) {
    #expect {
      let account = try Account(rejectsFile: path)
      try Self.refuse("x", number: 1, "no", account)
      try account.finish(isWhole: true)
    } throws: { ($0 as? CommandFailure)?.exitStatus == .cannotWrite }
  }

  @Test("the commonest reasons come first")
  func reasons() throws {
    let account = try Account(rejectsFile: "/dev/null")
    for (fault, count) in [("rare", 1), ("often", 5), ("some", 3)] {
      for _ in 0..<count { try Self.refuse("x", number: 1, fault, account) }
    }
    let reasons = account.commonReasons(2).map { "\($0.reason) \($0.count)" }
    #expect(reasons == ["malformed: often 5", "malformed: some 3"])
    #expect(account.line.hasPrefix("read 9 = 0 imported + 0 updated + 0 deleted + 0 ignored + 9 refused + 0 not sent;"))
    let summary = account.summary(.incomplete, learnt: [:], isWhole: true)
    #expect(summary["read"]?.int == 9 && summary["status"]?.int == 1 && summary["reasons"]?.array?.count == 3)
  }
}
