import D2Client
import D2Common

/// How the values go to the server: how many a request, and how many requests at a time. Both are found by measuring,
/// and what was found is handed on to the next command of a worker, which may have little to measure.
struct Pace: Sendable {
  /// By which it is found among what the commands of a worker share.
  private static let note = "pace of d2-push"
  /// So many requests at a time are tried first if batches are large: few are sent in all, so that looking for the
  /// number from below would take too long. Four are nearly as good as the best number, whatever that is.
  static let firstOfLargeBatches = 4

  let sizer: BatchSizer
  private let client: DHIS2Client

  init(_ options: PushOptions, _ client: DHIS2Client, likesLargeBatches: Bool) {
    self.client = client
    sizer = BatchSizer(options.batchSize, longestSeconds: options.batchSeconds, limit: client.limit) {
      options.batchBytes(among: $0)
    }
    guard likesLargeBatches else { return }
    sizer.beginLarge()
    client.limit.rise(from: Self.firstOfLargeBatches)
  }

  /// Takes up what the command before has found. Nothing was sent yet, and it is this command's turn.
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

  /// A batch goes out. Returns what `ended` wants to know.
  func begin() -> Int { client.limit.begin() }

  /// It came back.
  ///
  /// - Parameters:
  ///   - begun: what `begin` returned.
  ///   - isUsual: its time is that of one request that went well.
  func ended(_ batch: Batch, seconds: Double, begun: Int, isUsual: Bool) {
    let among = client.limit.end(begun)
    guard isUsual, batch.values.count > 0 else { return }
    Self.learn(
      sizer, client.limit, size: batch.wantedSize, values: batch.values.count, bytes: batch.bytes, seconds: seconds,
      among: among)
    handOn()
  }

  /// The sizer learns of an answer, and the limit asks it what that means.
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
