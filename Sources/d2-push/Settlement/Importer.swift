import D2Client
import D2Common
import Synchronization

/// Posts values and reads the server's report, in one form for all versions.
final class Importer: ImportServer {
  private let client: DHIS2Client
  private let options: PushOptions
  private let server: DestinationTraits
  private let target: String
  private let deletingTarget: String
  /// Whether it has said that an import waits for another one.
  private let hasSaidWaits = Mutex(false)

  init(_ client: DHIS2Client, _ options: PushOptions, _ server: DestinationTraits) {
    self.client = client
    self.options = options
    self.server = server
    var query = Query()
    if server.wantsPreheat, options.kind == .dataValues { query.add("preheatCache", "true") }
    // Otherwise a copy of old registrations sends e-mails and text messages to people at the destination.
    if options.kind == .registrations, !options.notifies { query.add("skipNotifications", "true") }
    if options.dryRun { query.add("dryRun", "true") }
    if options.async { query.add("async", "true") }
    for (name, value) in options.passedOn { query.add(name, value) }
    var deleting = query
    deleting.add("importStrategy", "DELETE")
    deletingTarget = deleting.target(options.kind.path)
    if let strategy = options.importStrategy { query.add("importStrategy", strategy) }
    target = query.target(options.kind.path)
  }

  var log: Log { client.log }
  var retries: Int { client.retry.retries }

  func pause(seconds: Double) throws {
    guard D2Common.pause(seconds: seconds) else { throw Signals.failure }
  }

  func error(_ kind: ServerError.Kind, _ message: String) -> ServerError {
    ServerError(client.server, options.kind.path, kind, message)
  }

  /// Posts again after a temporary failure, because imports are idempotent.
  func post(
    _ body: any HTTPBody, canBeHalved: Bool, deletes: Bool, _ traffic: inout BatchOutcome.Traffic
  ) throws -> ImportAnswer {
    var request = HTTPRequest(.post, deletes ? deletingTarget : target)
    request.headers = [("Content-Type", "application/json")]
    request.body = body
    if options.compressesValues, let compressed = (body as? CompressedBody)?.gzip ?? Gzip.compressed(body) {
      request.body = compressed
      request.headers.append(("Content-Encoding", "gzip"))
    }
    let wireBytes = request.body?.count ?? 0
    do {
      return try client.retrying(leastDelaySeconds: Self.pauseSeconds) { attempt in
        traffic.add(attempt: attempt, bytes: body.count, wireBytes: wireBytes)
        let response = try client.perform(request)
        let answer = try read(response)
        if case .tooSlow(let error) = answer, !canBeHalved { throw error }
        return answer
      }
    } catch let error as ServerError where canBeHalved && Self.mayBeSize(error) {
      return .tooSlow(error)
    }
  }

  /// If an answer was lost, the import may still be running.
  private static let pauseSeconds = 1.0

  /// A timeout or a broken connection that remains after all retries. It may be a proxy's limit on size or time.
  private static func mayBeSize(_ error: ServerError) -> Bool {
    switch error.kind {
    case .timedOut, .broken: !error.isFinal
    default: false
    }
  }

  private func sayWaits() {
    let isRepeated = hasSaidWaits.withLock { hasSaid in
      let before = hasSaid
      hasSaid = true
      return before
    }
    if !isRepeated { log.info("waits behind another import of the server") }
  }

  private func read(_ response: HTTPResponse) throws -> ImportAnswer {
    let document = try? JSONValue(parsing: response.body)
    if let document, options.async, let job = AsyncImport(document) { return try job.wait(client, sayWaits) }
    if let document, let summary = ImportSummary(document),
      response.status < 500 || summary.hasCounts && summary.accepted > 0
    {
      return .report(ImportReport(summary: summary, status: response.status))
    }
    if document == nil, response.status == 200 || response.status == 409,
      ServerError(client.server, target, response)?.isPage != true
    {
      throw ServerError(client.server, target, .malformed, "the answer to an import is damaged")
    }
    guard let error = ServerError(client.server, target, response) else {
      throw ServerError(client.server, target, .notDHIS2, "the answer holds no import summary")
    }
    // Then the credentials are at fault, not a value.
    if error.isForeignToken { throw error }
    switch error.kind {
    case .status(413): return .tooLarge(error)
    case .status(502), .status(504): return .tooSlow(error)
    case .status(500), .status(501), .status(400), .status(409), .status(415), .status(422): return .failed(error)
    default: throw error
    }
  }
}
