import D2Common

/// The body of an import, perhaps compressed or damaged.
struct PostedBody {
  /// Why a body is not a document, and 2.43's answer.
  struct Problem: Error {
    var status: Int
    var message: String
  }

  private let bytes: [UInt8]
  private let version: ServerVersion
  /// Whether the default charset of the server's Java is US-ASCII. From 2.43 on, JSON is decoded with it.
  private let readsASCII: Bool

  init(_ bytes: [UInt8], _ version: ServerVersion, readsASCII: Bool) {
    self.bytes = bytes
    self.version = version
    self.readsASCII = readsASCII
  }

  /// The posted set. From 2.43 on, a list instead of an object is an empty data value set.
  func set() -> Result<IncomingSet, Problem> {
    var text = bytes
    if Gzip.isGzip(bytes) {
      do { text = try Gzip.inflated(bytes) } catch {
        return .failure(Problem(status: 500, message: error.message))
      }
    } else if Zip.isZip(bytes) {
      guard let inflated = Zip.firstEntry(bytes) else {
        return .failure(Problem(status: 500, message: "Unexpected end of ZLIB input stream"))
      }
      text = inflated
    }
    if version.hasDataEntryPipeline {
      if let problem = leadingProblem(text) { return .failure(problem) }
      // Java's decoder for US-ASCII replaces each other byte.
      if readsASCII { text = text.flatMap { $0 < 0x80 ? [$0] : Array("\u{FFFD}".utf8) } }
      // 2.43 replaces invalid UTF-8, and older servers refuse it.
      if String(validating: text, as: UTF8.self) == nil { text = Array(String(decoding: text, as: UTF8.self).utf8) }
    }
    if let set = ValueScanner.set(text, version) { return .success(set) }
    do {
      let value = try JSONValue(reading: text)
      guard value.members == nil else { return .success(try IncomingSet(value, version)) }
      guard version.hasDataEntryPipeline else {
        return .failure(Problem(status: 400, message: "Cannot deserialize value of type `DataValueSet`"))
      }
      return .success(IncomingSet(header: .object([]), values: []))
    } catch let damage as NestedValueReader.Damage {
      return .failure(Problem(status: 400, message: damage.message))
    } catch {
      let tail = String(String(decoding: text, as: UTF8.self).suffix(20))
      return .failure(Problem(status: 400, message: "Expected \" but reach EOI: \(tail)"))
    }
  }

  /// The first invalid character, in the words of 2.43's parser.
  private func leadingProblem(_ text: [UInt8]) -> Problem? {
    let start = String(decoding: text.prefix(120), as: UTF8.self)
    guard let first = start.unicodeScalars.first else {
      return Problem(
        status: 400, message: "Unexpected character at position 0,\n\n^ expected a JSON value but found EOI")
    }
    guard !"{[\"-0123456789 \t\r\n".unicodeScalars.contains(first) else { return nil }
    return Problem(
      status: 400,
      message: "Unexpected character at position 0,\n\(start.unicodeScalars.prefix(40).map(String.init).joined())\n"
        + "^ expected start of a JSON value but found: `\(first)`")
  }
}
