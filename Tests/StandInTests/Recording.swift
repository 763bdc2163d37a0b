import D2Common
import TestSupport

@testable import StandInServer

/// A real server's answers to a script of requests.
struct Recording {
  struct Exchange {
    var name: String
    /// The sender: a user, `pat:` and a user, `raw` or nobody.
    var asker: String?
    var method: String
    var target: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]?
    var status: Int
    var answerHeaders: [(name: String, value: String)]
    var answerBody: [UInt8]

    func answerHeader(_ name: String) -> String? {
      answerHeaders.first { $0.name.lowercased() == name.lowercased() }?.value
    }
  }

  static func metadata() throws -> JSONValue { try JSONValue(reading: try Recorded.bytes("metadata.json")) }

  /// The recordings, by the folder that they are in, and the moment at which each begins: locks and future periods
  /// depend on it. Each was made on a server without values.
  enum Script: String, CaseIterable {
    case first = ""
    case later = "later/"

    var begin: String { self == .first ? "2026-11-24T04:53:17" : "2026-11-26T13:05:00" }
    /// Stamps of this day are the server's own.
    var day: String { String(begin.prefix(10)) }
    var versions: [ServerVersion] { self == .first ? [.v40, .v42, .v43] : [.v42, .v43] }
    /// How many exchanges there are with each version.
    var count: Int { self == .first ? 309 : 37 }
  }

  static func exchanges(of version: ServerVersion, _ script: Script) throws -> [Exchange] {
    try Recorded.bytes("\(script.rawValue)dhis2-\(version).ndjson").split(separator: 0x0A).map {
      try exchange(JSONValue(reading: $0))
    }
  }

  private static func exchange(_ json: JSONValue) throws -> Exchange {
    let request = json["request"]!
    let response = json["response"]!
    func body(_ side: JSONValue) -> [UInt8]? {
      side["body"]?.string.map { Array($0.utf8) } ?? side["bodyBase64"]?.string.flatMap(Base64.decoded)
    }
    return Exchange(
      name: json["name"]!.string!, asker: json["as"]?.string, method: request["method"]!.string!,
      target: request["target"]!.string!,
      headers: (request["headers"]?.members ?? []).map { ($0.key, $0.value.string ?? "") }, body: body(request),
      status: response["status"]!.int!,
      answerHeaders: (response["headers"]?.array ?? []).map { ($0.array![0].string!, $0.array![1].string!) },
      answerBody: body(response) ?? [])
  }
}
