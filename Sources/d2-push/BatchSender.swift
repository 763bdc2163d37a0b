import D2Common

/// Sends batches to a DHIS2 server, or to a queue in front of it.
protocol BatchSender: Sendable {
  /// How long to follow a batch whose outcome the first answer does not give.
  var followSeconds: Double { get }
  /// Whether answers come so fast that d2-push makes the next batch while one is in flight.
  var isQuick: Bool { get }
  /// Whether compression takes longer than sending. If so, d2-push compresses two batches while it sends one.
  var compressesAhead: Bool { get }
  /// Values per second by batch size, for the summary.
  var learnt: JSONValue { get }

  func batchMaker() -> any BatchMaker
  /// Checks and locates the lines of a block.
  func locate(_ block: [UInt8]) -> LocatedLines
  /// Sends a batch, and waits for the answer.
  ///
  /// - Parameter follows: whether d2-push may ask later for the outcome of the batch.
  func send(_ batch: Batch, follows: Bool) -> SentBatch
  /// Asks for the outcome of batches that are followed.
  func look(at asked: [QueuedRequest]) -> DeliveryWatch.Round

  /// The message for the user if the server did not accept some values of a batch; `nil` if it accepted all.
  func news(of batch: Batch, _ outcome: BatchOutcome) -> String?
  /// The line that a terminal shows.
  func progress(_ totals: Account.Totals, perSecond: Int) -> String
}

extension BatchSender {
  var compressesAhead: Bool { false }
}

/// The result of sending a batch.
enum SentBatch: Sendable {
  /// Each value is accounted for. A failure that stopped the batch early also ends the run.
  case answered(BatchOutcome, failure: (any Error)?)
  /// d2-push asks later for the outcome.
  case followed(QueuedRequest)
}
