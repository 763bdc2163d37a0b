import Glibc
import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Client
@testable import D2Split

@Suite("Real files", .waiting, .enabled(if: RealData.isThere, "D2_REAL_DATA does not name a folder of real files"))
struct RealDataTests {
  // MARK: Data value sets

  private struct Sink: LineSink {
    var bytes: [UInt8] = []

    mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) {
      bytes += carried
      bytes += lines
      if lineEndMissing { bytes.append(0x0A) }
    }
  }

  private static func split(_ bytes: [UInt8], chunk: Int) -> (lines: [[UInt8]], error: SplitError?) {
    var splitter = DataValueSplitter(completion: .none)
    var sink = Sink()
    var error: SplitError?
    do {
      for start in stride(from: 0, to: bytes.count, by: chunk) {
        var piece = Array(bytes[start..<min(start + chunk, bytes.count)])
        try piece.withUnsafeMutableBytes { try splitter.consume($0, into: &sink) }
      }
      try splitter.finish()
    } catch let problem as SplitError {
      error = problem
    } catch { Issue.record(error) }
    return (sink.bytes.split(separator: 0x0A).map(Array.init), error)
  }

  /// Without white space outside strings.
  private static func compact(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var inString = false
    var escaped = false
    for byte in bytes where inString || byte > 0x20 {
      out.append(byte)
      if escaped {
        escaped = false
      } else if byte == UInt8(ascii: "\\") {
        escaped = true
      } else if byte == UInt8(ascii: "\"") {
        inString.toggle()
      }
    }
    return out
  }

  /// jq may spell a number anew.
  private static func canonical(_ value: JSONValue) -> JSONValue {
    switch value {
    case .number(let spelling): .number(Double(spelling).map { "\($0)" } ?? spelling)
    case .array(let elements): .array(elements.map(canonical))
    case .object(let members): .object(members.map { .init($0.key, canonical($0.value)) })
    default: value
    }
  }

  private static let dataValueSets = RealData.names("datavaluesets") + RealData.names("datavaluesets-v43")

  @Test("there are data value sets to read")
  func thereAreFiles() { #expect(Self.dataValueSets.count >= 40) }

  @Test("are split as jq reads them, verbatim, in chunks of any size", arguments: dataValueSets)
  func splits(name: String) throws {
    let bytes = try RealData.bytes(name)
    let jq = Shell().run(
      #"jq -c 'if type == "object" then .dataValues[]? else error("no object") end' "$FILE""#,
      ["FILE": "\(RealData.folder ?? "")/\(name)"])
    let expected = jq.documents.map(Self.canonical)
    #expect(expected.count == jq.lines.count)
    let compact = Self.compact(bytes)
    for chunk in [1, 13, 64, 1000, 65_536, 8 << 20] where chunk > 1 || bytes.count < 100_000 {
      let (lines, error) = Self.split(bytes, chunk: chunk)
      if jq.status != 0 || compact.isEmpty {
        #expect(error != nil && lines.isEmpty, "chunks of \(chunk)")
        continue
      }
      #expect(error == nil, "chunks of \(chunk)")
      let got = lines.compactMap { try? JSONValue(parsing: $0) }.map(Self.canonical)
      #expect(got.count == lines.count, "chunks of \(chunk): lines that are not JSON")
      #expect(firstDifference(got, from: expected) == nil, "chunks of \(chunk)")
      #expect(Self.stand(lines, in: compact), "chunks of \(chunk): a line is not verbatim")
    }
  }

  /// Whether a text contains the lines, one after another.
  private static func stand(_ lines: [[UInt8]], in text: [UInt8]) -> Bool {
    var at = 0
    for line in lines {
      while at + line.count <= text.count, text[at] != line[0] || !text[at..<at + line.count].elementsEqual(line) {
        at += 1
      }
      guard at + line.count <= text.count else { return false }
      at += line.count
    }
    return true
  }

  @Test(
    "each value with the keys it needs is a line that d2-push takes, with the ids that it holds",
    arguments: dataValueSets)
  func linesAreTaken(name: String) throws {
    let scratch = DataValueLine.Scratch()
    for bytes in Self.split(try RealData.bytes(name), chunk: 4096).lines {
      let value = try JSONValue(parsing: bytes)
      let needed: [DataValueLine.Key] = [.dataElement, .period, .orgUnit]
      guard needed.allSatisfy({ value[$0.name]?.scalarText != nil }) else { continue }
      try PaddedLine.copying(bytes) { padded in
        let line = try DataValueLine(padded, scratch)
        for key in DataValueLine.Key.allCases where value[key.name]?.members == nil {
          let expected = value[key.name]?.scalarText
          if line.text(key) != expected {
            Issue.record("\(key) is \(line.text(key) ?? "nil"), not \(expected ?? "nil")")
          }
        }
      }
    }
  }

  // MARK: Import answers

  /// The counts of an import answer; `nil` if it has none.
  struct Answer: Sendable {
    let file: String
    var status: String?
    var counts: [Int]?
    var codes: [String?] = []
    var indexes: [Int] = []

    init(_ file: String, _ status: String?, _ counts: [Int]? = nil, codes: [String?] = [], indexes: [Int] = []) {
      self.file = file
      self.status = status
      self.counts = counts
      self.codes = codes
      self.indexes = indexes
    }
  }

  /// Counts are imported, updated, ignored, deleted; codes are those of the conflicts, indexes those of the first
  /// conflict.
  static let answers = [
    Answer("blsq-dhis2__2.24_create_data_value_sets.json", "SUCCESS", [1, 0, 0, 0]),
    Answer("blsq-dhis2__2.26_create_data_value_sets.json", "SUCCESS", [1, 0, 0, 0]),
    Answer("blsq-dhis2__2.28_create_data_value_sets.json", "SUCCESS", [1, 0, 0, 0]),
    Answer("blsq-iaso__data-valueset-response-error.json", "ERROR", [0, 0, 0, 0], codes: ["E7603"]),
    Answer(
      "blsq-iaso__data-valueset-response-warning.json", "WARNING", [0, 0, 2, 0], codes: ["E7612"], indexes: [0, 1]),
    Answer("blsq-iaso__datavalues-error-assigned.json", "WARNING", nil, codes: [nil]),
    Answer("blsq-iaso__datavalues-error-bad-coc.json", "WARNING", [0, 0, 1, 0], codes: [nil]),
    Answer("blsq-iaso__datavalues-error-bad-type.json", "WARNING", [0, 355, 1, 0], codes: ["E7619"]),
    Answer("blsq-iaso__datavalues-error-element-type.json", "WARNING", [0, 0, 1, 0], codes: [nil]),
    Answer("blsq-iaso__datavalues-error-technical.json", "ERROR", [0, 0, 0, 0]),
    Answer("blsq-iaso__datavalues-ok.json", "SUCCESS", [3, 0, 0, 0]),
    Answer("blsq-iaso__tests_aggregate_exporter_L220.json", nil),
    Answer(
      "blsq-iaso__tests_aggregate_exporter_L232.json", "WARNING", [93, 0, 191, 0],
      codes: Array(repeating: nil, count: 8)),
    Answer("davidhuser-dhis2.py__test_utils_L251.json", "ERROR", [0, 0, 0, 0]),
    Answer("davidhuser-dhis2.py__test_utils_L266.json", "SUCCESS", [0, 0, 1, 0]),
    Answer("davidhuser-dhis2.py__test_utils_L296.json", "SUCCESS", [0, 1, 0, 0]),
    Answer("davidhuser-dhis2.py__test_utils_L311.json", "OK", [0, 1, 0, 0]),
    Answer("davidhuser-dhis2.py__test_utils_L393.json", "ERROR", [0, 4, 1, 0], codes: [nil]),
    Answer("dhis2-dhis2-android-capture-app__datasetSync.json", "SUCCESS", [1, 0, 0, 0]),
    Answer("dhis2-dhis2-android-sdk__data_value_set_success.json", "SUCCESS", [0, 3, 0, 0]),
    Answer("dhis2-dhis2-android-sdk__data_value_set_warning.json", "WARNING", [0, 0, 1, 0], codes: [nil]),
    Answer("dhis2-dhis2-android-sdk__job_response.json", nil),
    Answer("dhis2-dhis2-docs__docs_data_L417.json", nil),
    Answer("dhis2-dhis2-docs__docs_maintenance_L391.json", "SUCCESS", [0, 431, 0, 0]),
    Answer("dhis2-import-export-app__dataImportSummaries.json", "SUCCESS", [0, 0, 0, 0]),
    Answer("dhis2-import-export-app__dataImportTasks.json", nil),
    Answer("dhis2-integration-dhis-rapidpro__README_dhis_response.json", "SUCCESS", [4, 0, 0, 0]),
  ]

  @Test("import answers are read, whatever their shape", arguments: answers)
  func importAnswers(answer: Answer) throws {
    let summary = ImportSummary(try JSONValue(parsing: try RealData.bytes("import-responses/\(answer.file)")))
    #expect(summary?.status == answer.status)
    guard let summary else { return }
    #expect(summary.hasCounts == (answer.counts != nil))
    let counts = [summary.imported, summary.updated, summary.ignored, summary.deleted]
    #expect(counts == answer.counts ?? [0, 0, 0, 0])
    #expect(summary.conflicts.map(\.code) == answer.codes)
    #expect(summary.conflicts.first?.indexes ?? [] == answer.indexes)
    #expect(summary.rejectedIndexes == answer.indexes)
    #expect(summary.conflicts.allSatisfy { !$0.message.isEmpty })
  }

  @Test("the table names every import answer")
  func importAnswersAreAll() {
    #expect(Set(RealData.names("import-responses")) == Set(Self.answers.map { "import-responses/\($0.file)" }))
  }

  // MARK: Errors

  static let errors:
    [(file: String, httpStatus: Int, kind: ServerError.Kind, exit: D2Common.ExitStatus, code: String?, text: String)] =
      [
        (
          "dhis2-dhis2-android-capture-app__generalsettings_404.json", 404, .status(404), .notDHIS2, nil,
          "The key 'general_settings' was not found in the namespace 'ANDROID_SETTING_APP'."
        ),
        ("dhis2-dhis2-android-capture-app__unauthorize.json", 401, .status(401), .refused, nil, "Unauthorized"),
        (
          "dhis2-dhis2-android-sdk__glass_protected_tei_failure_403.json", 403, .status(403), .refused, "E1006",
          "OWNERSHIP_ACCESS_DENIED"
        ),
        (
          "dhis2-dhis2-android-sdk__namespace_key_deleted_not_found_404.json", 404, .status(404), .notDHIS2, nil,
          "Key 'config' not found in namespace 'android'"
        ),
        (
          "dhis2-dhis2-android-sdk__server-error.json", 500, .status(500), .temporary, nil,
          "A wild internal server error appeared!"
        ),
        ("dhis2-dhis2-android-sdk__user_unauthorized.json", 401, .status(401), .refused, nil, "Unauthorized"),
        (
          "pepfar-datim-datimutils__me.json-64db84.html", 200, .loginPage, .refused, nil,
          "a login page came instead of an answer"
        ),
      ]

  @Test("error bodies say what they mean", arguments: errors.indices)
  func errorBodies(index: Int) throws {
    let row = Self.errors[index]
    let server = try ServerURL("https://dhis2.example")
    // With and without the content type of the body.
    for type in [row.file.hasSuffix("html") ? "text/html;charset=UTF-8" : "application/json;charset=UTF-8", nil] {
      var response = HTTPResponse()
      response.status = row.httpStatus
      response.body = try RealData.bytes("errors/\(row.file)")
      if let type { response.headers = [("content-type", type)] }
      let error = try #require(ServerError(server, "/api/me?fields=id", response))
      #expect(
        error.kind == row.kind && error.exitStatus == row.exit && error.code == row.code && error.message == row.text)
      #expect(error.description.hasPrefix("https://dhis2.example/api/me: ") && !error.description.contains("\n"))
      #expect(!error.isRetryable)
    }
  }

  @Test("the table names every error body")
  func errorsAreAll() { #expect(RealData.names("errors") == Self.errors.map { "errors/\($0.file)" }) }
}
