import D2Common
import D2Split

/// One answer of an export, received whole and split into its items.
package struct ExportAnswer: Sendable {
  /// How many items came: data values, or registrations.
  package let items: Int
  /// The server closed the connection without having said so.
  package let closedUnannounced: Bool
  package let firstByteSeconds: Double
  package let seconds: Double

  /// Who is told what happens while an answer arrives.
  package struct Listener<Sink> {
    /// Bytes came over the wire.
    package var received: (_ wireBytes: Int) -> Void = { _ in }
    /// So many bytes were split; so many items came in all. The sink has them.
    package var split: (_ bytes: Int, _ items: Int, _ sink: Sink) -> Void = { _, _, _ in }
    package var waiting: () throws -> Void = {}

    package init() {}
  }

  /// Asks once and hands the items on as lines while they arrive.
  ///
  /// - Throws: `ServerError` for what the server or the network did, with the whole items that arrived in the sink;
  ///   what the sink throws.
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

/// The body of an answer: a document that is split, or a page of HTML that is kept for the message.
private struct ExportBody: ~Copyable {
  var splitter: DataValueSplitter
  private(set) var page: [UInt8]?
  private static let mostPageBytes = 64 * 1024

  init(_ splitter: consuming DataValueSplitter) { self.splitter = splitter }

  /// Whether a piece is of a page.
  mutating func takesPage(_ chunk: UnsafeMutableRawBufferPointer) -> Bool {
    if splitter.isEmpty, page == nil, chunk.first(where: { $0 > 0x20 }) == UInt8(ascii: "<") { page = [] }
    guard let count = page?.count else { return false }
    if count < Self.mostPageBytes { page! += chunk }
    return true
  }
}

// MARK: Answers that look whole

extension ExportAnswer {
  /// Servers up to 2.42 fetch so many rows at a time: a query that fails on the way ends at a multiple.
  package static let rowsAtOnce = 1000
  /// An empty answer that took longer may be of a query that failed before its first row; a true one takes 0.05 s.
  private static let slowEmptySeconds = 3.0

  /// Whether it has a mark of a query that failed half-way. A server up to 2.42 ends such a query as HTTP 200 and valid
  /// JSON (seen on real servers, docs/dhis2-servers.md, trap 1). The marks are a multiple of the rows that are fetched
  /// at a time, and a connection closed unannounced.
  ///
  /// - Parameter limit: of the request. An answer with exactly as many items has no mark.
  package func isDoubtful(limit: Int?) -> Bool {
    if closedUnannounced { return true }
    if items == 0 { return firstByteSeconds > Self.slowEmptySeconds }
    return items % Self.rowsAtOnce == 0 && items != limit
  }

  /// What makes it doubtful, and what is done.
  package var doubt: String {
    closedUnannounced
      ? "\(counted(items, "value")), and the server closed the connection unannounced: asking again, to be sure"
      : "\(counted(items, "value")): a failed query would look the same; asking again, to be sure"
  }
}

/// Counts of one question's answers, until two agree.
package struct Agreement {
  private var answers: [ExportAnswer]

  package init(first: ExportAnswer) { answers = [first] }

  /// So many answers are enough if no number of retries says otherwise.
  private static let most = 3

  /// Asks again until two answers agree, or there are enough that do not.
  package static func reached(first: ExportAnswer, ask: () throws -> ExportAnswer) rethrows -> Agreement {
    var counts = Agreement(first: first)
    while counts.agreed == nil, counts.asked < most { counts.add(try ask()) }
    return counts
  }

  /// The weaker rule of a question that asks only whether there is something: two answers say the same of that.
  package static func isReached(_ first: ExportAnswer, _ second: ExportAnswer) -> Bool {
    (first.items == 0) == (second.items == 0)
  }

  package var asked: Int { answers.count }

  package mutating func add(_ answer: ExportAnswer) { answers.append(answer) }

  /// Why no number is believed, as the end of a sentence.
  package var problem: String {
    let counts = answers.map(\.items)
    return Set(counts).count == 1
      ? "each of \(asked) answers (\(counted(counts[0], "value"))) has both marks of a failed query; --no-check believes them"
      : "the server has another number each time: \(counts.map(String.init).joined(separator: ", "))"
  }

  /// The number that the last answer shares with an earlier one. Where both marks are there each time, a query fails at
  /// the same place each time. Two answers that both bear the mark of a closed connection prove little (a query may be
  /// ended at the same row twice): then a third must agree.
  package var agreed: Int? {
    let last = answers.last!.items
    let same = answers.filter { $0.items == last }
    let areClosed = same.allSatisfy(\.closedUnannounced)
    if last > 0, last % ExportAnswer.rowsAtOnce == 0, areClosed { return nil }
    return same.count >= 3 || same.count == 2 && !areClosed ? last : nil
  }
}
