import D2Client
import D2Common
import D2Split

/// One answer, received whole and split into lines.
struct Answer {
  /// How many the server sent.
  let values: Int
  /// Of those, what did not go out.
  let kept: ValueSieve.Kept
  /// The server closed the connection without having said so.
  let closedUnannounced: Bool
  let firstByteSeconds: Double

  /// How many went to the sink.
  var passed: Int { values - kept.total }

  /// Asks once and hands the values on while they arrive.
  ///
  /// - Parameters:
  ///   - counts: whether the values count as the run's own; not those of an answer that is only compared or may be asked for again.
  ///   - written: told how many values have gone to the sink, also where the answer breaks.
  /// - Throws: `ServerError` for what the server or the network did, with the whole values that arrived in the sink.
  static func receive(
    _ request: PullRequest, kind: DataKind, into sink: inout some LineSink, _ client: DHIS2Client, _ meter: PullMeter,
    counts: Bool, written: (Int) -> Void, whileWaiting: () throws -> Void
  ) throws -> Answer {
    var question = HTTPRequest(.get, request.target)
    question.watchesForClose = true
    question.handsOnBody = true
    var decoder = BodyDecoder()
    var splitter = DataValueSplitter(
      arrayKey: kind.arrayKey, completion: kind == .dataValues ? ValueCompletion(dataSet: request.dataSet) : .none)
    var sieved = SievedSink(request.sieve, sink)
    var isWhole = false
    var passed = 0
    defer {
      sink = sieved.sink
      // What is asked for again is counted then.
      if counts, isWhole || passed > 0 { meter.add(sieved.kept, request.sieve) }
    }
    var page: [UInt8] = []
    var isPage = false
    meter.add { $0.requests += 1 }

    func takeDecoded(_ chunk: UnsafeMutableRawBufferPointer) throws {
      if splitter.isEmpty, !isPage { isPage = Self.beginsLikePage(chunk) }
      if isPage {
        if page.count < 64 * 1024 { page += chunk }
        return
      }
      let before = splitter.count - sieved.kept.total
      defer {
        passed = splitter.count - sieved.kept.total
        let new = passed - before
        meter.add {
          if counts { $0.values += new }
          $0.bytes += chunk.count
        }
        written(passed)
      }
      try splitter.consume(chunk, into: &sieved)
    }

    do {
      var response = try client.perform(question) { _, chunk in
        meter.add { $0.wireBytes += chunk.count }
        try decoder.consume(chunk, into: takeDecoded)
      } whileWaiting: {
        try whileWaiting()
        meter.draw()
      }
      try decoder.finish(into: takeDecoded)
      if isPage { response.body = page }
      if let error = ServerError(client.server, request.target, response) { throw error }
      if response.wireBytes == 0 { throw Self.emptyBody(request, client) }
      try splitter.finish()
      if let error = Self.errorDocument(splitter, request, client) { throw error }
      if !splitter.sawArray, let error = Self.otherDocument(splitter, kind.arrayKey, request, client) { throw error }
      isWhole = true
      return Answer(
        values: splitter.count, kept: sieved.kept, closedUnannounced: response.closedUnannounced,
        firstByteSeconds: response.firstByteSeconds)
    } catch let error as SplitError {
      throw Self.serverError(error, nothingCame: splitter.isEmpty, request, client)
    } catch let error as GzipProblem {
      throw ServerError(
        client.server, request.target, error == .endsEarly ? .cutOff : .malformed,
        error == .endsEarly ? "the compressed answer ends early" : "the compressed answer is damaged")
    }
  }

  /// An error that comes as HTTP 200.
  private static func errorDocument(
    _ splitter: borrowing DataValueSplitter, _ request: PullRequest, _ client: DHIS2Client
  ) -> ServerError? {
    let members = splitter.topLevelMembers
    func text(_ key: String) -> String? {
      members.last { $0.key == Array(key.utf8) }.flatMap { try? JSONValue(parsing: $0.value) }?.scalarText
    }
    guard let status = text("httpStatusCode").flatMap({ Int($0) }), status >= 400 || text("status") == "ERROR" else {
      return nil
    }
    return ServerError(
      client.server, request.target, .status(status), text("message") ?? "an error came as HTTP 200",
      code: text("errorCode"))
  }

  /// JSON of something else. Servers up to 2.42 leave the array out where there is no value, and write no more than what all values would share.
  private static func otherDocument(
    _ splitter: borrowing DataValueSplitter, _ arrayKey: String, _ request: PullRequest, _ client: DHIS2Client
  ) -> ServerError? {
    let keys = splitter.topLevelMembers.map { String(decoding: $0.key, as: UTF8.self) }
    let others = keys.filter { !sharedKeys.contains($0) && !$0.lowercased().hasSuffix("scheme") }
    guard !others.isEmpty else { return nil }
    return ServerError(
      client.server, request.target, .notDHIS2,
      "the answer is JSON without \(arrayKey), but with \(others.prefix(3).map { $0.quoted }.joined(separator: ", "))")
  }

  /// Of `DataValueSet` in dhis2-core.
  private static let sharedKeys: Set<String> = [
    "dataSet", "completeDate", "period", "orgUnit", "attributeOptionCombo", "attributeCategoryOptions", "dryRun",
    "strategy",
  ]

  private static func beginsLikePage(_ chunk: UnsafeMutableRawBufferPointer) -> Bool {
    chunk.first { $0 > 0x20 } == UInt8(ascii: "<")
  }

  /// Servers 2.39 to 2.42 close the answer before they have checked the user's access, and then cannot say so.
  private static func emptyBody(_ request: PullRequest, _ client: DHIS2Client) -> ServerError {
    ServerError(
      client.server, request.target, .emptyBody,
      "an empty answer: the user may not read one of the organisation units, or the data set has no data elements. Asked for: "
        + (request.target.split(separator: "?").last.map(String.init) ?? ""))
  }

  private static func serverError(
    _ error: SplitError, nothingCame: Bool, _ request: PullRequest, _ client: DHIS2Client
  ) -> ServerError {
    let kind: ServerError.Kind = error.isCutOff ? .cutOff : error.problem == .notAnObject ? .notDHIS2 : .malformed
    return ServerError(client.server, request.target, kind, "\(error)")
  }
}

/// Counts lines and forgets them: for an answer that is asked for again only to be compared.
struct ForgettingSink: LineSink {
  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) {}
}
