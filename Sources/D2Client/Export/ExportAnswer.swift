import D2Common
import D2Split

/// One answer of an export, received whole and split into its items.
package struct ExportAnswer: Sendable {
  /// How many items it has: data values, or registrations.
  package let items: Int
  /// Whether the server closed the connection without announcing it.
  package let closedUnannounced: Bool
  package let firstByteSeconds: Double
  package let seconds: Double

  /// The callbacks while an answer arrives.
  package struct Listener<Sink> {
    /// Called when bytes came over the wire.
    package var received: (_ wireBytes: Int) -> Void = { _ in }
    /// Called after bytes were split, with the number of items so far. The sink has the items.
    package var split: (_ bytes: Int, _ items: Int, _ sink: Sink) -> Void = { _, _, _ in }
    package var waiting: () throws -> Void = {}

    package init() {}
  }

  /// Sends the request once, and passes the items on as lines while they arrive.
  ///
  /// - Throws: `ServerError` for failures of the server or the network, after the whole items that arrived; errors of
  ///   the sink.
  package static func receive<Sink: LineSink>(
    _ request: ExportRequest, completion: ValueCompletion = .none, into sink: inout Sink, _ client: DHIS2Client,
    _ listener: Listener<Sink> = Listener()
  ) throws -> ExportAnswer {
    let problems = ExportProblems(request: request, server: client.server)
    var question = HTTPRequest(.get, request.target)
    question.watchesForClose = true
    question.handsOnBody = true
    var decoder = BodyDecoder()
    var body = ExportBody(DataValueSplitter(arrayKey: request.kind.arrayKey, completion: completion))
    func take(_ chunk: UnsafeMutableRawBufferPointer) throws {
      guard !body.takesPage(chunk) else { return }
      defer { listener.split(chunk.count, body.splitter.count, sink) }
      try body.splitter.consume(chunk, into: &sink)
    }
    do {
      var response = try client.perform(question) { _, chunk in
        listener.received(chunk.count)
        try decoder.consume(chunk, into: take)
      } whileWaiting: {
        try listener.waiting()
      }
      try decoder.finish(into: take)
      if let page = body.page { response.body = page }
      if let error = ServerError(client.server, request.target, response) { throw error }
      if response.wireBytes == 0 { throw problems.emptyBody }
      try body.splitter.finish()
      if let error = problems.inDocument(body.splitter) { throw error }
      return ExportAnswer(
        items: body.splitter.count, closedUnannounced: response.closedUnannounced,
        firstByteSeconds: response.firstByteSeconds, seconds: response.seconds)
    } catch let error as SplitError {
      throw problems.of(error)
    } catch let error as GzipProblem {
      throw problems.of(error)
    }
  }
}

/// The body of an answer: a document to split, or an HTML page to keep for the message.
private struct ExportBody: ~Copyable {
  var splitter: DataValueSplitter
  private(set) var page: [UInt8]?
  private static let mostPageBytes = 64 * 1024

  init(_ splitter: consuming DataValueSplitter) { self.splitter = splitter }

  /// Whether a chunk belongs to a page.
  mutating func takesPage(_ chunk: UnsafeMutableRawBufferPointer) -> Bool {
    if splitter.isEmpty, page == nil, chunk.first(where: { $0 > 0x20 }) == UInt8(ascii: "<") { page = [] }
    guard let count = page?.count else { return false }
    if count < Self.mostPageBytes { page! += chunk }
    return true
  }
}

// MARK: Answers that look whole

extension ExportAnswer {
  /// Servers up to 2.42 fetch this many rows at a time, so an interrupted query ends at a multiple.
  package static let rowsAtOnce = 1000
  /// If an empty answer took longer, its query may have failed before the first row. A correct empty answer takes 0.05
  /// s.
  private static let slowEmptySeconds = 3.0

  /// Whether it shows signs of a query that failed halfway. Servers up to 2.42 end such a query as HTTP 200 and valid
  /// JSON (seen on real servers, docs/dhis2-servers.md, trap 1). The signs are a multiple of the rows that are fetched
  /// at a time, and a connection that was closed unannounced.
  ///
  /// - Parameter limit: the limit of the request. An answer with exactly as many items is not doubtful.
  package func isDoubtful(limit: Int?) -> Bool {
    if closedUnannounced { return true }
    if items == 0 { return firstByteSeconds > Self.slowEmptySeconds }
    return items % Self.rowsAtOnce == 0 && items != limit
  }

  /// Why the answer is doubtful, and what happens next.
  package var doubt: String {
    closedUnannounced
      ? "\(counted(items, "value")), and the server closed the connection unannounced: asking again, to be sure"
      : "\(counted(items, "value")): a failed query would look the same; asking again, to be sure"
  }
}

/// The counts of repeated answers to one request, until two agree.
package struct Agreement {
  private var answers: [ExportAnswer]

  package init(first: ExportAnswer) { answers = [first] }

  /// The number of answers that are enough, if there is no number of retries.
  private static let most = 3

  /// Repeats the request until two answers agree, or enough answers disagree.
  package static func reached(first: ExportAnswer, ask: () throws -> ExportAnswer) rethrows -> Agreement {
    var counts = Agreement(first: first)
    while counts.agreed == nil, counts.asked < most { counts.add(try ask()) }
    return counts
  }

  /// A weaker rule, for requests about whether there is anything: both answers must agree on that only.
  package static func isReached(_ first: ExportAnswer, _ second: ExportAnswer) -> Bool {
    (first.items == 0) == (second.items == 0)
  }

  package var asked: Int { answers.count }

  package mutating func add(_ answer: ExportAnswer) { answers.append(answer) }

  /// Why no count is trusted, as the end of a sentence.
  package var problem: String {
    let counts = answers.map(\.items)
    return Set(counts).count == 1
      ? "each of \(asked) answers (\(counted(counts[0], "value"))) has both marks of a failed query; --no-check believes them"
      : "the server has another number each time: \(counts.map(String.init).joined(separator: ", "))"
  }

  /// The count that the last answer shares with an earlier one. If both signs occur each time, a query fails at the
  /// same row each time. Two answers with a closed connection prove little, because a query may end at the same row
  /// twice. Then a third one must agree.
  package var agreed: Int? {
    let last = answers.last!.items
    let same = answers.filter { $0.items == last }
    let areClosed = same.allSatisfy(\.closedUnannounced)
    if last > 0, last % ExportAnswer.rowsAtOnce == 0, areClosed { return nil }
    return same.count >= 3 || same.count == 2 && !areClosed ? last : nil
  }
}
