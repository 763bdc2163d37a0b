import D2Client
import D2Common

/// Queues batches in a dispatcher. Each batch has one data set, period and organisation unit. With `--wait`, d2-push
/// follows each one until the queue has delivered it.
struct QueueSender: BatchSender {
  private let options: PushOptions
  private let queue: QueueOptions
  private let facilities: Facilities
  private let client: QueueClient
  private let locator: LineLocator

  /// Asks the queue which kind it is, if the options do not say so.
  ///
  /// - Throws: `ServerError`; `CommandFailure`, 64 or 78, if the queue does not support what the options ask for.
  init(_ options: PushOptions, _ queue: QueueOptions, _ facilities: Facilities, _ client: DHIS2Client) throws {
    self.options = options
    self.queue = queue
    self.facilities = facilities
    let flavour: QueueFlavour
    if let known = queue.flavour {
      flavour = known
    } else {
      flavour = try QueueFlavour(asking: client)
      client.log.debug("the queue is \(flavour.rawValue)")
      try queue.check(flavour)
    }
    self.client = QueueClient(
      client,
      QueueAddress(
        server: client.server, path: queue.path, flavour: flavour, source: queue.source,
        destination: queue.destination))
    locator = LineLocator(options, DestinationTraits(version: nil))
  }

  var followSeconds: Double { queue.waitSeconds }
  var isQuick: Bool { false }
  var learnt: JSONValue { .object([]) }

  func batchMaker() -> any BatchMaker {
    RequestGrouper(mostValues: options.batchSize.upperBound, mostBytes: options.batchBytes)
  }

  func locate(_ block: [UInt8]) -> LocatedLines {
    var piece = locator.locate(block)
    piece.findRequests(dataSet: options.dataSet)
    return piece
  }

  func send(_ batch: Batch, follows: Bool) -> SentBatch {
    let start = monotonicSeconds()
    let key = RequestKey(of: batch)
    var outcome = BatchOutcome()
    var failure: (any Error)?
    var facility: String?
    var uid: String?
    do {
      facility = try facilities.label(of: key.unit)
      if let facility {
        uid = try client.queue(batch.body, key, facility: facility, &outcome).uid
        if follows, queue.waits, let uid {
          return .followed(
            QueuedRequest(uid: uid, batch: batch, key: key, facility: facility, outcome: outcome, start: start))
        }
        outcome.status = "queued"
        outcome.httpStatus = client.queue.flavour == .dispatcher2 ? 202 : 200
        outcome.queued = batch.values.count
      } else {
        let unit = "\(queue.facilityBy) of organisation unit \(key.unit)"
        outcome.refuseAll(of: batch, Refusal(message: "no \(unit) is known from \(facilities.origin)"))
      }
    } catch let error as ServerError where error.kind == .status(413) {
      outcome.httpStatus = 413
      outcome.refuseAll(of: batch, Refusal(message: "\(error.message): give a smaller --batch-bytes", httpStatus: 413))
    } catch {
      outcome.sendNone(of: batch, .notSent(after: error))
      failure = error
    }
    outcome.notes = key.notes(outcome, facility: facility, uid: uid)
    if queue.waits { outcome.notes += DeliveryState.notes(nil) }
    outcome.seconds = monotonicSeconds() - start
    return .answered(outcome, failure: failure)
  }

  func look(at asked: [QueuedRequest]) -> DeliveryWatch.Round { DeliveryWatch.look(at: asked, client) }

  func news(of batch: Batch, _ outcome: BatchOutcome) -> String? {
    let what = [(outcome.refused.count, "refused"), (outcome.notSent.count, "not accepted")]
      .filter { $0.0 > 0 }.map { "\(counted($0.0, "value")) \($0.1)" }.joined(separator: ", ")
    return what.isEmpty ? nil : "\(what): \((outcome.refused.values.first ?? outcome.notSentReason).message)"
  }

  func progress(_ totals: Account.Totals, perSecond: Int) -> String {
    "\(totals.read) read, \(totals.queued) queued in \(counted(totals.batches, "request")), \(perSecond)/s, \(totals.refused) refused"
  }
}
