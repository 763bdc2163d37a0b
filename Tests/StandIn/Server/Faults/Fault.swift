import D2Common

/// A fault that happens once, several times or always, for some requests.
///
/// README.md lists the kinds and their keys.
public struct Fault: Sendable {
  /// The kinds of faults.
  public enum Kind: String, Sendable, CaseIterable {
    case cutBody = "cut-body"
    case stall
    case reset
    case status
    case tooLarge = "too-large"
    case poison
    case redirect
    case loginPage = "login-page"
    case htmlInMiddle = "html-in-middle"
    case slowFirstByte = "slow-first-byte"
    case latency
    case bandwidth
    case shortAnswer = "short-answer"
    case partialImport = "partial-import"
    case lostAnswer = "lost-answer"
    case garbageChunk = "garbage-chunk"
    case gzipTruncated = "gzip-truncated"
    case contentType = "content-type"
    case endless
    case refuseEarly = "refuse-early"
    case endSessions = "end-sessions"
    case slowExport = "slow-export"
    case longTarget = "long-target"
    case jobWaits = "job-waits"
    case jobHangs = "job-hangs"
  }

  /// Why a specification is refused.
  public struct Malformed: Error, CustomStringConvertible {
    /// The problem.
    public let description: String
  }

  let kind: Kind
  /// The beginning of the path; any path if absent.
  let path: String?
  let method: String?
  /// A part of the decoded query.
  let query: String?
  /// How often it happens; 0 for always.
  let times: Int
  /// How many matching requests pass first.
  let skip: Int
  private let keys: JSONValue

  /// Reads a specification from JSON.
  public init(_ specification: JSONValue) throws(Malformed) {
    guard specification.members != nil else { throw Malformed(description: "a fault is a JSON object") }
    guard let name = specification["kind"]?.string else { throw Malformed(description: "a fault needs a \"kind\"") }
    guard let kind = Kind(rawValue: name) else {
      let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw Malformed(description: "no fault is called \"\(name)\"; known: \(known)")
    }
    let allowed = ["kind", "path", "method", "query", "times", "skip"] + Fault.keys(of: kind)
    for member in specification.members ?? [] where !allowed.contains(member.key) {
      let known = allowed.joined(separator: ", ")
      throw Malformed(description: "\"\(name)\" has no key \"\(member.key)\"; known: \(known)")
    }
    self.kind = kind
    path = specification["path"]?.string
    method = specification["method"]?.string
    query = specification["query"]?.string
    times = specification["times"]?.int ?? 1
    skip = specification["skip"]?.int ?? 0
    keys = specification
  }

  /// The keys of a kind besides the common ones.
  static func keys(of kind: Kind) -> [String] {
    switch kind {
    case .cutBody: ["after", "framing"]
    case .stall: ["after", "seconds"]
    case .reset, .garbageChunk, .gzipTruncated: ["after"]
    case .status, .refuseEarly: ["status", "headers", "body", "type"]
    case .tooLarge: ["bytes"]
    case .slowExport: ["values", "status"]
    case .longTarget: ["bytes", "status"]
    case .poison: ["text", "variant"]
    case .redirect: ["location", "status"]
    case .htmlInMiddle: ["after", "body"]
    case .slowFirstByte, .latency, .jobWaits: ["seconds"]
    case .bandwidth: ["bytes"]
    case .shortAnswer: ["thousands", "values"]
    case .partialImport: ["values", "status"]
    case .contentType: ["type"]
    case .endSessions: ["status"]
    case .loginPage, .lostAnswer, .endless, .jobHangs: []
    }
  }

  /// Reads a specification from the text of a JSON object.
  public init(parsing text: String) throws(Malformed) {
    let value: JSONValue
    do { value = try JSONValue(reading: text) } catch {
      throw Malformed(description: "a fault that is not JSON: \(error)")
    }
    try self.init(value)
  }

  func int(_ key: String) -> Int? { keys[key]?.int }
  func text(_ key: String) -> String? { keys[key]?.string }
  func number(_ key: String) -> Double? { keys[key]?.scalarText.flatMap(Double.init) }
  var headers: [(name: String, value: String)] {
    (keys["headers"]?.members ?? []).map { ($0.key, $0.value.scalarText ?? "") }
  }

  func isMeant(for request: Request) -> Bool {
    if let path, !request.path.hasPrefix(path) { return false }
    if let method, request.method != method { return false }
    if kind == .longTarget, request.target.utf8.count <= int("bytes") ?? 1000 { return false }
    if let query, !Request.decoded(request.query[...]).contains(query) { return false }
    return true
  }

  /// Whether this many values take too long.
  func isExceeded(by values: Int) -> Bool { values > int("values") ?? 1000 }

  /// Whether it depends on the body of the request.
  func applies(to body: [UInt8]) -> Bool {
    switch kind {
    case .tooLarge: body.count > (int("bytes") ?? 1_000_000)
    default: true
    }
  }
}
