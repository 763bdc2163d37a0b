import D2Client
import D2Common

/// How the values go to the server: how many a request, and how many requests at a time. Both are found by measuring,
/// and what was found is handed on to the next command of a worker, which may have little to measure.
struct Pace: Sendable {
  /// By which it is found among what the commands of a worker share.
  private static let note = "pace of d2-push"

  let sizer: BatchSizer
  private let client: DHIS2Client

  init(_ options: PushOptions, _ client: DHIS2Client, likesLargeBatches: Bool) {
    self.client = client
    let limit = client.limit
    sizer = BatchSizer(options.batchSize, longestSeconds: options.batchSeconds) { limit.current }
    if likesLargeBatches { sizer.beginLarge() }
  }

  /// Takes up what the command before has found. Nothing was sent yet, and it is this command's turn.
  func takeUp() {
    guard let known = client.note(Self.note) else { return }
    if let fixed = known["fixed"]?.int, let growth = known["growth"]?.int, let size = known["size"]?.int, fixed > 0,
      growth > 0, size > 0
    {
      let curve = BatchTimes.Curve(fixed: Double(fixed), growth: Double(growth))
      sizer.begin(at: BatchSizer.Found(curve: curve, size: size))
    }
    if let concurrency = known["concurrency"]?.int, concurrency > 0 { client.limit.begin(at: concurrency) }
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
      sizer, client.limit, size: batch.wantedSize, values: batch.values.count, seconds: seconds, among: among)
    handOn()
  }

  /// Both learn of an answer, and neither mistakes what the other one changes for what it changes itself.
  static func learn(
    _ sizer: BatchSizer, _ limit: ConcurrencyLimit, size: Int, values: Int, seconds: Double, among: Double
  ) {
    let beside = max(1, Int(among.rounded()))
    // A batch of another size than the best one takes longer by itself, and not because of others.
    let work = Double(values) * sizer.loss(values: values, among: beside)
    sizer.record(size: size, values: values, seconds: seconds, among: beside)
    limit.succeeded(seconds: seconds / work, among: among)
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
