import D2Common
import D2Split
import Testing

@testable import D2Client

/// Which answers of an export are believed.
@Suite("ExportAnswer")
struct ExportAnswerTests {
  private static func answer(_ items: Int, closed: Bool = false, after seconds: Double = 0.1) -> ExportAnswer {
    ExportAnswer(items: items, closedUnannounced: closed, firstByteSeconds: seconds, seconds: seconds)
  }

  @Test(
    "the marks of a query that failed half-way",
    arguments: [
      (answer(999), nil, false), (answer(1000), nil, true), (answer(1001), nil, false), (answer(20_000), nil, true),
      // An answer with exactly the limit of items is not doubtful.
      (answer(1000), 1000, false), (answer(2000), 5000, true), (answer(200), 200, false),
      (answer(999, closed: true), nil, true), (answer(1000, closed: true), 1000, true),
      (answer(0), nil, false), (answer(0, after: 3.5), nil, true), (answer(7, after: 60), nil, false),
    ] as [(ExportAnswer, Int?, Bool)])
  func doubt(answer: ExportAnswer, limit: Int?, isDoubtful: Bool) {
    #expect(answer.isDoubtful(limit: limit) == isDoubtful)
    let words = answer.closedUnannounced ? "closed the connection" : "a failed query would look the same"
    #expect(answer.doubt.contains(words))
  }

  @Test(
    "counts agree when two answers are the same, three where each was cut off",
    arguments: [
      ([(1000, false)], nil), ([(1000, false), (1000, false)], 1000), ([(1000, false), (2000, false)], nil),
      ([(1000, false), (2000, false), (1000, false)], 1000),
      ([(999, true), (999, false)], 999), ([(999, true), (999, true)], nil),
      ([(999, true), (999, true), (999, true)], 999),
      // Both marks each time: the query fails at the same place.
      ([(1000, true), (1000, true), (1000, true)], nil), ([(1000, true), (1000, false)], 1000),
      ([(0, true), (0, true), (0, true)], 0),
    ] as [([(Int, Bool)], Int?)])
  func agreement(answers: [(Int, Bool)], agreed: Int?) {
    var counts = Agreement(first: Self.answer(answers[0].0, closed: answers[0].1))
    for (items, closed) in answers.dropFirst() { counts.add(Self.answer(items, closed: closed)) }
    #expect(counts.agreed == agreed)
    #expect(counts.asked == answers.count)
  }

  @Test("why no count is believed")
  func problem() {
    var same = Agreement(first: Self.answer(1000, closed: true))
    same.add(Self.answer(1000, closed: true))
    #expect(same.problem.hasPrefix("each of 2 answers (1000 values) has both marks"))
    var other = Agreement(first: Self.answer(1))
    other.add(Self.answer(2))
    #expect(other.problem == "the server has another number each time: 1, 2")
  }

  // MARK: Documents

  private static func problem(_ document: String, _ kind: DataKind = .dataValues) throws -> ServerError? {
    var splitter = DataValueSplitter(arrayKey: kind.arrayKey)
    var sink = ItemSink { _ in }
    var bytes = Array(document.utf8)
    try bytes.withUnsafeMutableBytes { try splitter.consume($0, into: &sink) }
    try splitter.finish()
    let request = ExportRequest(
      kind, subject: [("dataSet", "a")], places: [("orgUnit", "b")], times: [("period", "2024")], children: false)
    return ExportProblems(request: request, server: try ServerURL("https://dhis2.example")).inDocument(splitter)
  }

  @Test(
    "documents other than an export",
    arguments: [
      (#"{"dataValues":[]}"#, nil), ("{}", nil), (#"{"dataSet":"a","period":"2024","orgUnit":"b"}"#, nil),
      (#"{"dataElementIdScheme":"CODE","orgUnit":"b"}"#, nil),
      (#"{"httpStatusCode":409,"status":"ERROR","message":"no","errorCode":"E2000"}"#, .status(409)),
      (#"{"dataValues":[{"value":"1"}],"httpStatusCode":500,"status":"ERROR"}"#, .status(500)),
      (#"{"completeDataSetRegistrations":[]}"#, .notDHIS2), (#"{"name":"x"}"#, .notDHIS2),
    ] as [(String, ServerError.Kind?)])
  func documents(document: String, kind: ServerError.Kind?) throws {
    #expect(try Self.problem(document)?.kind == kind)
  }

  @Test("an answer of the other kind names the keys that came")
  func otherKind() throws {
    let error = try #require(try Self.problem(#"{"dataValues":[{"value":"1"}]}"#, .registrations))
    #expect("\(error)".contains("JSON without completeDataSetRegistrations, but with \"dataValues\""), "\(error)")
  }

  @Test("items come as JSON, however the document is cut", arguments: [1, 3, 16, 1000])
  func items(pieceBytes: Int) throws {
    var document = Array(#"{"dataValues":[{"value":"1"},{"value":"a\nb"} , {"value":"3","comment":"{}"}]}"#.utf8)
    var values: [String] = []
    var sink = ItemSink { values.append($0["value"]?.string ?? "?") }
    var splitter = DataValueSplitter()
    try document.withUnsafeMutableBytes { bytes in
      for at in stride(from: 0, to: bytes.count, by: pieceBytes) {
        let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[at..<min(at + pieceBytes, bytes.count)])
        try splitter.consume(piece, into: &sink)
      }
    }
    try splitter.finish()
    #expect(values == ["1", "a\nb", "3"])
  }
}
