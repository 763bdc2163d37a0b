import D2Client
import D2Common

/// Finds how many values a request should hold, and how many requests should run at a time, by measuring. A worker
/// passes the result to its next command, which may have little to measure.
struct Pace: Sendable {
  /// The key of this note among the notes that a worker's commands share.
  private static let note = "pace of d2-push"
  /// If batches are large, d2-push begins with this many concurrent requests. There are only few requests, so a search
  /// from below would take too long. Four are nearly as good as the best number, whatever that is.
  private static let firstOfLargeBatches = 4

  let sizer: BatchSizer
  private let client: DHIS2Client

  init(_ options: PushOptions, _ client: DHIS2Client, _ server: DestinationTraits) {
    self.client = client
    sizer = BatchSizer(options.batchSize, longestSeconds: options.batchSeconds, limit: client.limit) {
      options.batchBytes(among: $0)
    }
    Self.begin(
      sizer, client.limit, likesLargeBatches: server.likesLargeBatches,
      bestConcurrency: server.bestConcurrency.map { max(1, $0 / options.jobsOfRun) })
  }

  /// Begins with what the server's version and its cores suggest.
  static func begin(
    _ sizer: BatchSizer, _ limit: ConcurrencyLimit, likesLargeBatches: Bool, bestConcurrency: Int?
  ) {
    sizer.begin(likesLargeBatches: likesLargeBatches, concurrency: bestConcurrency)
    if let bestConcurrency {
      limit.begin(at: bestConcurrency)
    } else if likesLargeBatches {
      limit.rise(from: firstOfLargeBatches)
    }
  }

  /// Uses what the previous command found. Call it before anything is sent, when this command's turn has come.
  func takeUp() {
    guard let known = client.note(Self.note) else { return }
    let concurrency = known["concurrency"]?.int.flatMap { $0 > 0 ? $0 : nil }
    if let fixed = known["fixed"]?.int, let growth = known["growth"]?.int, let size = known["size"]?.int, fixed > 0,
      growth > 0, size > 0
    {
      let curve = BatchTimes.Curve(fixed: Double(fixed), growth: Double(growth))
      sizer.begin(at: BatchSizer.Found(curve: curve, size: size), concurrency: concurrency)
    }
    if let concurrency { client.limit.begin(at: concurrency) }
  }

  /// Records that a batch is sent. Returns the token for `ended`.
  func begin() -> Int { client.limit.begin() }

  /// Records that a batch was answered.
  ///
  /// - Parameters:
  ///   - begun: the token from `begin`.
  ///   - isUsual: whether the time is that of one successful request.
  func ended(_ batch: Batch, seconds: Double, begun: Int, isUsual: Bool) {
    let among = client.limit.end(begun)
    guard isUsual, batch.values.count > 0 else { return }
    Self.learn(
      sizer, client.limit, size: batch.wantedSize, values: batch.values.count, bytes: batch.bytes, seconds: seconds,
      among: among)
    handOn()
  }

  /// Passes an answer to the sizer, then lets the limit ask the sizer for the losses.
  static func learn(
    _ sizer: BatchSizer, _ limit: ConcurrencyLimit, size: Int, values: Int, bytes: Int, seconds: Double, among: Double
  ) {
    sizer.record(size: size, values: values, bytes: bytes, seconds: seconds, among: among)
    limit.succeeded { sizer.losses(of: $0) }
  }

  private func handOn() {
    guard client.isOfWorker, let found = sizer.found else { return }
    client.leave(
      Self.note,
      [
        "fixed": .int(Int(found.curve.fixed)), "growth": .int(Int(found.curve.growth)), "size": .int(found.size),
        "concurrency": .int(orNull: client.limit.found),
      ])
  }
}
