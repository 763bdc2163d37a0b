import CMemory
import D2Common
import Glibc
import Synchronization

/// Writes each exchange with a server to a file, one JSON object on each line. So a failure in production can become a
/// test: the stand-in replays such a folder (`dhis2-stand-in --replay`).
///
/// It leaves out credentials, cookies and every other occurrence of the secret. Bodies contain the data that was moved.
package final class ExchangeRecorder: Sendable {
  /// Of a longer body it keeps only the beginning.
  package static let longestBodyBytes = 8 << 20
  private static let hidden = "(hidden)"

  private struct State: Sendable {
    var number = 0
    var hasFailed = false
  }

  private let descriptor: Int32
  private let path: String
  private let command: String
  private let log: Log
  private let state = Mutex(State())

  /// The recorders of this process, by folder. A command that talks to two servers writes one record.
  private static let all = Mutex<[String: ExchangeRecorder]>([:])

  /// - Throws: `CommandFailure`, 73.
  package static func shared(_ folder: String, _ log: Log) throws(CommandFailure) -> ExchangeRecorder {
    try all.withLock { (all) throws(CommandFailure) in
      if let recorder = all[folder] { return recorder }
      let recorder = try ExchangeRecorder(folder, log)
      all[folder] = recorder
      return recorder
    }
  }

  private init(_ folder: String, _ log: Log) throws(CommandFailure) {
    self.log = log
    command = log.command
    if mkdir(folder, 0o700) != 0, errno != EEXIST {
      throw CommandFailure(.cannotWrite, "--record: cannot make the folder \(folder): \(SystemError())")
    }
    let time = UTCTime.now.iso8601.filter { $0 != ":" && $0 != "-" }
    path = "\(folder)/\(time)-\(command)-\(getpid()).ndjson"
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw CommandFailure(.cannotWrite, "--record: cannot write \(path): \(SystemError())")
    }
  }

  deinit { close(descriptor) }

  /// Records one exchange.
  ///
  /// - Parameters:
  ///   - response: the response, as far as it arrived.
  ///   - body: the response's body as it crossed the wire.
  ///   - error: why the exchange did not finish.
  func note(
    _ request: HTTPRequest, to server: ServerURL, _ credentials: Credentials, _ response: HTTPResponse,
    body: BodyCapture, seconds: Double, error: String?
  ) {
    let secrets = credentials.secrets
    func clean(_ text: String) -> String { Self.without(secrets, text) }
    func shown(_ header: (name: String, value: String)) -> JSONValue {
      let isHidden = ["authorization", "cookie", "set-cookie"].contains(header.name.lowercased())
      return .string(isHidden ? Self.hidden : clean(header.value))
    }
    var headers = request.headers.map { JSONValue.Member($0.name, shown($0)) }
    if credentials.authorization != nil { headers.append(.init("Authorization", .string(Self.hidden))) }
    var asked: [JSONValue.Member] = [
      .init("method", .string(request.method.rawValue)), .init("target", .string(clean(request.target))),
      .init("headers", .object(headers)),
    ]
    if let sent = request.body {
      asked += Self.members(sent.firstBytes(Self.longestBodyBytes), of: sent.count, secrets)
    }
    var got: [JSONValue.Member] = [
      .init("status", .int(response.status)),
      .init("headers", .array(response.headers.map { [.string($0.name), shown($0)] })),
    ]
    got += Self.members(body.bytes, of: body.count, secrets)
    if response.closedUnannounced { got.append(.init("closedUnannounced", true)) }
    let number = state.withLock {
      $0.number += 1
      return $0.number
    }
    var exchange: [JSONValue.Member] = [
      .init("n", .int(number)), .init("command", .string(command)), .init("server", .string("\(server)")),
      .init("time", .string(UTCTime.now.iso8601)), .init("request", .object(asked)), .init("response", .object(got)),
      .init("ms", .int(Int(seconds * 1000))),
    ]
    if let error { exchange.append(.init("error", .string(clean(error)))) }
    write(JSONValue.object(exchange).text + "\n")
  }

  private static func members(_ bytes: [UInt8], of count: Int, _ secrets: [String]) -> [JSONValue.Member] {
    if bytes.isEmpty, count == 0 { return [] }
    var bytes = bytes
    // The end of a truncated body could be half of a secret.
    if bytes.count < count { bytes.removeLast(min(bytes.count, (secrets.map(\.utf8.count).max() ?? 1) - 1)) }
    if bytes.starts(with: [0x1F, 0x8B]), !secrets.isEmpty, holds(secrets, inflated(bytes)) {
      return [.init("bodyBytes", .int(count)), .init("hidden", true)]
    }
    for secret in secrets { replace(Array(secret.utf8), in: &bytes) }
    let body =
      String(validating: bytes, as: UTF8.self).map { JSONValue.Member("body", .string($0)) }
      ?? .init("bodyBase64", .string(Base64.encoded(bytes)))
    return [body] + (bytes.count < count && count > longestBodyBytes ? [.init("bodyBytes", .int(count))] : [])
  }

  /// The decoded bytes, as far as they can be inflated.
  private static func inflated(_ bytes: [UInt8]) -> [UInt8] {
    var decoder = BodyDecoder()
    var out: [UInt8] = []
    var copy = bytes
    try? copy.withUnsafeMutableBytes { chunk in
      try decoder.consume(chunk) { piece in
        guard out.count + piece.count <= 8 * longestBodyBytes else { throw GzipProblem.corrupt }
        out += piece
      }
    }
    return out
  }

  private static func holds(_ secrets: [String], _ bytes: [UInt8]) -> Bool {
    secrets.contains { secret in
      let secret = Array(secret.utf8)
      return bytes.withUnsafeBytes { text in
        secret.withUnsafeBytes { d2_contains(text.baseAddress, text.count, $0.baseAddress, $0.count) != 0 }
      }
    }
  }

  private static func replace(_ secret: [UInt8], in bytes: inout [UInt8]) {
    guard let first = secret.first, holds([String(decoding: secret, as: UTF8.self)], bytes) else { return }
    var out: [UInt8] = []
    var at = 0
    while at < bytes.count {
      if bytes[at] == first, bytes[at...].starts(with: secret) {
        out += hidden.utf8
        at += secret.count
      } else {
        out.append(bytes[at])
        at += 1
      }
    }
    bytes = out
  }

  private static func without(_ secrets: [String], _ text: String) -> String {
    var bytes = Array(text.utf8)
    for secret in secrets { replace(Array(secret.utf8), in: &bytes) }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func write(_ line: String) {
    let bytes = Array(line.utf8)
    state.withLock { state in
      guard !state.hasFailed else { return }
      do { try bytes.withUnsafeBytes { try FileBytes.write($0, to: descriptor) } } catch {
        // Moving data is more important than recording it.
        state.hasFailed = true
        log.warning("cannot write \(path): \(error); nothing more is recorded")
      }
    }
  }
}

/// The beginning of a body as it crossed the wire.
final class BodyCapture {
  private(set) var bytes: [UInt8] = []
  private(set) var count = 0

  func add(_ piece: UnsafeRawBufferPointer) {
    count += piece.count
    bytes.append(contentsOf: piece.prefix(max(0, ExchangeRecorder.longestBodyBytes - bytes.count)))
  }

  func removeAll() {
    bytes = []
    count = 0
  }
}
