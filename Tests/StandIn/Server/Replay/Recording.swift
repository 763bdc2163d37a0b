import D2Common
import Glibc

/// A recorded answer.
struct RecordedAnswer: Sendable {
  let status: Int
  let headers: [(name: String, value: String)]
  let body: [UInt8]
  /// Whether the connection ended halfway, or before the first byte.
  let isBroken: Bool
  let closedUnannounced: Bool
  /// The length of the body, if not all of it was recorded.
  let bodyBytes: Int?
}

/// The exchanges in a folder of `--record`, by method and target, in chronological order.
struct Recording: Sendable {
  private(set) var answers: [String: [RecordedAnswer]] = [:]

  static func key(_ method: String, _ target: String) -> String { "\(method) \(target)" }

  /// - Throws: `MetadataError` if the file is not a recording.
  init(folder: String) throws {
    guard let opened = opendir(folder) else { throw MetadataError(description: "cannot read \(folder)") }
    defer { closedir(opened) }
    var names: [String] = []
    while let entry = readdir(opened) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasSuffix(".ndjson") { names.append(name) }
    }
    // The name begins with the time.
    for name in names.sorted() {
      let text = String(decoding: try FileBytes.read("\(folder)/\(name)"), as: UTF8.self)
      for (place, line) in text.split(separator: "\n").enumerated() {
        guard let exchange = try? JSONValue(reading: String(line)), let method = exchange["request"]?["method"]?.string,
          let target = exchange["request"]?["target"]?.string
        else { throw MetadataError(description: "\(folder)/\(name), line \(place + 1) is not a recorded exchange") }
        answers[Self.key(method, target), default: []].append(RecordedAnswer(exchange))
      }
    }
  }
}

extension RecordedAnswer {
  fileprivate init(_ exchange: JSONValue) {
    let response = exchange["response"] ?? .null
    status = response["status"]?.int ?? 0
    headers = (response["headers"]?.array ?? []).compactMap { header in
      guard let pair = header.array, pair.count == 2, let name = pair[0].string, let value = pair[1].string else {
        return nil
      }
      return (name, value)
    }
    body =
      response["body"]?.string.map { Array($0.utf8) } ?? response["bodyBase64"]?.string.flatMap { Base64.decoded($0) }
      ?? []
    isBroken = exchange["error"] != nil
    closedUnannounced = response["closedUnannounced"]?.bool ?? false
    bodyBytes = response["bodyBytes"]?.int
  }
}
