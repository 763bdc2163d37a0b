import D2Common
import Glibc
import TestSupport

@testable import StandInServer

/// Sends a recording's requests to a stand-in of the same version, and compares the answers.
final class Replay {
  private let version: ServerVersion
  private let script: Recording.Script
  private let server: StandIn
  /// Values that the real server generated, and the stand-in's own: tokens, uids, the host.
  private var substitutes: [(recorded: String, own: String)] = []
  private var token: String?

  private static let host = "http://dhis2.example:8080"

  init(_ version: ServerVersion, _ script: Recording.Script) throws {
    self.version = version
    self.script = script
    var options = StandInOptions()
    options.version = version
    options.metadata = try Recording.metadata()
    options.clockStart = StandInOptions.moment(script.begin)
    options.asyncDelaySeconds = 2
    server = try StandIn(options)
    server.start()
    substitutes = [(Replay.host, server.url)]
  }

  deinit { server.stop() }

  /// How many exchanges agree completely, how many agree except for parts that are not imitated, and the differences of
  /// the others.
  func run() throws -> (passed: Int, notImitated: Int, failures: [String]) {
    var passed = 0
    var notImitated = 0
    var failures: [String] = []
    for exchange in try Recording.exchanges(of: version, script) {
      // The recorder waited here until one of the servers was done.
      if exchange.name == "async-tasks-2", version.minor >= 43 {
        _ = eventually { text(play(exchange).body).contains(#""completed":true"#) }
      }
      let answer = play(exchange)
      learn(exchange, answer)
      let skipped = NotImitated.reason(exchange.name, version)
      let differences = compare(exchange, answer, bodyCounts: skipped == nil)
      if skipped?.compares == .nothing || (skipped != nil && differences.isEmpty) {
        notImitated += 1
      } else if differences.isEmpty {
        passed += 1
      } else {
        let request = "\(exchange.method) \(exchange.target.prefix(200)) as \(exchange.asker ?? "nobody")"
        failures.append(
          "\(version) \(exchange.name): \(request)\n    " + differences.prefix(6).joined(separator: "\n    "))
      }
    }
    return (passed, notImitated, failures)
  }

  // MARK: - Playing

  private func own(_ text: String) -> String {
    substitutes.reduce(text) { $0.replacing($1.recorded, with: $1.own) }
  }

  private func play(_ exchange: Recording.Exchange) -> TestClient.Answer {
    var headers = exchange.headers.filter { $0.name != "Authorization" }
    if let asker = exchange.asker { headers.append(("Authorization", authorization(asker, exchange))) }
    return TestClient(port: server.port)
      .send(exchange.method, own(exchange.target), headers: headers.map { ($0.name, $0.value) }, body: exchange.body)
      .receive(
        isHead: exchange.method == "HEAD", shouldClose: exchange.answerHeader("Connection") == "close")
  }

  private func authorization(_ asker: String, _ exchange: Recording.Exchange) -> String {
    switch asker {
    case "raw":
      let noted = exchange.headers.first { $0.name == "Authorization" }?.value ?? ""
      return own(String(noted.dropFirst("(as raw:".count).dropLast()))
    case let asker where asker.hasPrefix("pat:"): return "ApiToken " + (token ?? "")
    case "admin": return "Basic " + Replay.base64("admin:district")
    default: return "Basic " + Replay.base64(asker + ":Recording-1")
    }
  }

  private static func base64(_ text: String) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    let bytes = Array(text.utf8)
    var out = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let piece = bytes[start..<min(start + 3, bytes.count)]
      let number = piece.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - piece.count))
      for index in 0..<4 {
        out.append(index <= piece.count ? alphabet[number >> (18 - 6 * index) & 63] : "=")
      }
    }
    return out
  }

  /// Remembers tokens and ids that each server made up for itself.
  private func learn(_ exchange: Recording.Exchange, _ answer: TestClient.Answer) {
    guard exchange.name == "pat-create" || exchange.name == "async",
      let recorded = try? JSONValue(reading: exchange.answerBody)["response"],
      let own = try? JSONValue(reading: answer.body)["response"]
    else { return }
    for key in ["key", "uid", "id", "name"] {
      if let theirs = recorded[key]?.string, let ours = own[key]?.string, theirs != ours {
        substitutes.append((theirs, ours))
        if key == "key" { token = ours }
      }
    }
  }

  // MARK: - Comparing

  private func compare(_ exchange: Recording.Exchange, _ answer: TestClient.Answer, bodyCounts: Bool) -> [String] {
    var differences: [String] = []
    if answer.status != exchange.status { differences.append("status \(exchange.status), here \(answer.status)") }
    for name in ["Content-Type", "Location", "Content-Disposition", "WWW-Authenticate"] {
      let theirs = exchange.answerHeader(name).map { own($0) }
      let ours = answer.header(name)
      if theirs != ours { differences.append("\(name) \(theirs ?? "absent"), here \(ours ?? "absent")") }
    }
    if !answer.isWhole { differences.append("the body was cut off") }
    if (exchange.answerHeader("Connection") == "close") != answer.closed {
      differences.append("closes: \(exchange.answerHeader("Connection") == "close"), here \(answer.closed)")
    }
    guard bodyCounts else { return differences }
    let mask = AnswerMask(version: version, exchange: exchange, day: script.day)
    let theirs = mask.document(Array(own(text(exchange.answerBody)).utf8))
    let ours = mask.document(Array(text(answer.body).utf8))
    return differences + AnswerMask.differences(theirs, ours, at: "")
  }

  private func text(_ body: [UInt8]) -> String {
    String(decoding: Gzip.isGzip(body) ? (try? Gzip.inflated(body)) ?? [] : body, as: UTF8.self)
  }
}
