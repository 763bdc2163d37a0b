import D2Common

/// Where batches go: a DHIS2 server, or a queue before it.
protocol BatchSender: Sendable {
  /// How long a batch is followed that was not answered for at once.
  var followSeconds: Double { get }
  /// Whether answers come so soon that the next batch is made while one is under way.
  var isQuick: Bool { get }
  /// Whether it takes longer to compress a batch than to send it, so that two are compressed while one is sent.
  var compressesAhead: Bool { get }
  /// Values per second by batch size, for the summary.
  var learnt: JSONValue { get }

  func batchMaker() -> any BatchMaker
  /// Checks and locates the lines of a block.
  func locate(_ block: [UInt8]) -> LocatedLines
  /// Sends a batch, and waits for the answer.
  ///
  /// - Parameter follows: whether it may be asked later what became of it.
  func send(_ batch: Batch, follows: Bool) -> SentBatch
  /// Asks what became of batches that are followed.
  func look(at asked: [QueuedRequest]) -> DeliveryWatch.Round

  /// What the user is told where values of a batch were not taken; `nil` if all were.
  func news(of batch: Batch, _ outcome: BatchOutcome) -> String?
  /// The line that a terminal shows.
  func progress(_ totals: Account.Totals, perSecond: Int) -> String
}

extension BatchSender {
  var compressesAhead: Bool { false }
}

/// What came of sending a batch.
enum SentBatch: Sendable {
  /// Each value is accounted for. What ended it early ends the run.
  case answered(BatchOutcome, failure: (any Error)?)
  /// It is asked later what became of it.
  case followed(QueuedRequest)
}
