import D2Common
import D2Ledger
import D2Store
import Glibc

/// The command of a worker, run once for the slices that it holds.
struct Pipeline {
  /// How it ended.
  enum End: Equatable {
    case status(Int)
    /// The lease was lost: somebody else may have a slice.
    case lost
    /// A signal came.
    case interrupted
  }

  /// What it left.
  struct Result {
    let end: End
    let pull: JSONValue?
    let push: JSONValue?
    /// The last words of the command that failed, without names that each attempt has for itself: they tell nothing of
    /// the cause. Empty if it had none.
    let lastLine: String
    let seconds: Double
  }

  let settings: Runner.Settings
  let log: Log
  let meter: RunMeter
  let output: LineOutput
  /// Where the worker's commands find its session and take turns.
  let home: WorkFolder

  /// How long a child that was asked to end may take.
  private static let gracePeriodSeconds = 30.0

  /// Runs the command until it and all that it began have ended.
  ///
  /// - Parameters:
  ///   - slices: moved together.
  ///   - rejects: the file for what is refused.
  ///   - lease: renewed meanwhile.
  func run(_ slices: [Slice], rejects: String, _ lease: inout HeldLease) throws -> Result {
    let start = monotonicSeconds()
    let folder = try WorkFolder(in: TemporaryFile.folder(settings.environment))
    let child = try Child(settings.command, environment: environment(slices, folder, rejects))
    var (lastOfPull, lastOfOthers) = ("", "")
    let end = try wait(for: child, &lease) { line in
      if line.hasPrefix("d2-pull: ") { lastOfPull = line } else if !line.isEmpty { lastOfOthers = line }
    }
    let pull = folder.summary("pull")
    // The last words of one that did its part, or was cut short by another, are no reason.
    let isPullsFault = pull?["status"]?.int ?? 0 != 0
    let (first, second) = isPullsFault ? (lastOfPull, lastOfOthers) : (lastOfOthers, lastOfPull)
    let lastLine = (first.isEmpty ? second : first).replacing(rejects, with: "$D2_REJECTS")
      .replacing(folder.path, with: "$D2_SUMMARY_DIR")
    return Result(
      end: end, pull: pull, push: folder.summary("push"), lastLine: lastLine, seconds: monotonicSeconds() - start)
  }

  private func environment(_ slices: [Slice], _ folder: WorkFolder, _ rejects: String) -> [String: String] {
    var environment = settings.environment
    var task = slices[0]
    // Without its token: only the worker may say that it is done.
    task.token = nil
    task.periods = slices.map(\.periods).joined(separator: ",")
    environment["D2_SLICE"] = task.task.text
    environment["D2_SLICE_ID"] = String(task.id)
    environment["D2_PAIR"] = Pair.reference(task.pair)
    environment["D2_SUMMARY_DIR"] = folder.path
    environment["D2_REJECTS"] = rejects
    environment[DeliveredFolder.variable] = deliveredFile(slices)
    return home.offered(in: environment, takesTurns: settings.joins)
  }

  /// Where d2-pull finds what earlier increments delivered. Slices of a backlog do not overlap.
  private func deliveredFile(_ slices: [Slice]) -> String? {
    guard let folder = settings.deliveredFolder, slices.count == 1, slices[0].periods.isEmpty else { return nil }
    PrivateFolder.make(folder)
    return DeliveredFolder.file(slices[0], in: folder)
  }

  /// What d2-pull noted of a slice counts, since all of it has arrived; else it is forgotten.
  func keepDelivered(_ slice: Slice, isWhole: Bool) {
    guard let file = deliveredFile([slice]) else { return }
    let next = "\(file).\(slice.id)"
    if isWhole { rename(next, file) } else { unlink(next) }
  }

  private func wait(for child: Child, _ lease: inout HeldLease, lastLine: (String) -> Void) throws -> End {
    var killAt: Double?
    while true {
      let status = try child.wait(milliseconds: 200) { line, isError in
        if isError {
          lastLine(line)
          if settings.showsChildren { log.relay(line) }
        } else {
          try output.line(line)
        }
      }
      if let status {
        try output.flush()
        if lease.isLost { return .lost }
        return Signals.received == nil ? .status(Int(status)) : .interrupted
      }
      meter.draw()
      let now = monotonicSeconds()
      if killAt == nil, lease.isLost || Signals.received != nil {
        child.signal(SIGTERM)
        killAt = now + Self.gracePeriodSeconds
      }
      if let deadline = killAt, now >= deadline { child.signal(SIGKILL) }
      try lease.keep(now)
    }
  }
}
