import D2Common

/// Why a value was not taken, in the server's words.
struct Refusal: Sendable, Hashable {
  /// DHIS2's error code, where there is one.
  var code: String?
  var message: String
  /// The HTTP status of the answer that refused it.
  var httpStatus: Int?
}

extension Refusal {
  /// The reason without what differs from value to value, so that it can be counted: servers from 2.43 on begin with "Value #17 value `x` ".
  var reason: String {
    var text = message[...]
    if text.hasPrefix("Value #") { text = text.dropFirst(7).drop(while: \.isNumber).drop { $0 == " " } }
    if text.hasPrefix("value `"), let end = text.dropFirst(7).firstIndex(of: "`") { text = "value `…" + text[end...] }
    return (code.map { $0 + " " } ?? "") + text
  }
}

/// The values that were not taken, as NDJSON: each with its reason and its line in the input. The value itself is verbatim, so that
/// `jq -c .value` gives back what can be tried again.
struct RejectsFile {
  private let file: ReplacedFile
  private var pending: [UInt8] = []
  private static let pendingBytes = 256 * 1024

  /// Begins the file anew; its owner alone can read it. It takes its place at the end of the run.
  ///
  /// - Throws: `CommandFailure`, 73, before anything was sent.
  init(path: String) throws(CommandFailure) { file = try ReplacedFile(path, mode: 0o600) }

  /// A value that the server did not take, or that was not sent.
  mutating func add(value: some Collection<UInt8>, line: Int, _ refusal: Refusal) throws(CommandFailure) {
    pending += #"{"value":"#.utf8
    pending += value
    try finish(line, refusal)
  }

  /// A line that is no value: its text stands for it.
  mutating func add(text: String, line: Int, _ refusal: Refusal) throws(CommandFailure) {
    pending += #"{"text":"#.utf8
    JSONValue.writeString(text, to: &pending)
    try finish(line, refusal)
  }

  private mutating func finish(_ line: Int, _ refusal: Refusal) throws(CommandFailure) {
    pending += ",\"line\":\(line)".utf8
    if let code = refusal.code {
      pending += ",\"errorCode\":".utf8
      JSONValue.writeString(code, to: &pending)
    }
    pending += ",\"message\":".utf8
    JSONValue.writeString(refusal.message, to: &pending)
    if let advice = refusal.code.flatMap({ ErrorCode.named($0) })?.advice {
      pending += ",\"hint\":".utf8
      JSONValue.writeString(advice, to: &pending)
    }
    if let status = refusal.httpStatus { pending += ",\"httpStatus\":\(status)".utf8 }
    pending += "}\n".utf8
    if pending.count >= Self.pendingBytes { try flush() }
  }

  /// Writes what is pending. - Throws: `CommandFailure`, 73.
  mutating func flush() throws(CommandFailure) {
    try file.write(pending)
    pending.removeAll(keepingCapacity: true)
  }

  /// Puts the file in place. - Throws: `CommandFailure`, 73.
  mutating func finish() throws(CommandFailure) {
    try flush()
    try file.finish()
  }
}
