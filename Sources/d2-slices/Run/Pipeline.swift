import D2Common
import D2Ledger
import D2Store
import Glibc

/// Runs a worker's command once for the slices that it holds.
struct Pipeline {
  /// How the command ended.
  enum End: Equatable {
    case status(Int)
    /// The lease was lost, and another worker may have a slice.
    case lost
    /// A signal came.
    case interrupted
  }

  /// The result of the command.
  struct Result {
    let end: End
    let pull: JSONValue?
    let push: JSONValue?
    /// The last line of the command that failed; empty if there is none. Names that differ between attempts are
    /// replaced, because they say nothing about the cause.
    let lastLine: String
    let seconds: Double
  }

  let settings: Runner.Settings
  let log: Log
  let meter: RunMeter
  let output: LineOutput
  /// The folder with the session and the turns of the worker's commands.
  let home: WorkFolder

  /// How long a child may take to end after it was told to.
  private static let gracePeriodSeconds = 30.0

  /// Runs the command until it and all processes that it started have ended.
  ///
  /// - Parameters:
  ///   - slices: the slices to move together.
  ///   - rejects: the file for refused values.
  ///   - lease: renewed while the command runs.
  func run(_ slices: [Slice], rejects: String, _ lease: inout HeldLease) throws -> Result {
    let start = monotonicSeconds()
    let folder = try WorkFolder(in: TemporaryFile.folder(settings.environment))
    let child = try Child(settings.command, environment: environment(slices, folder, rejects))
    var (lastOfPull, lastOfOthers) = ("", "")
    let end = try wait(for: child, &lease) { line in
      if line.hasPrefix("d2-pull: ") { lastOfPull = line } else if !line.isEmpty { lastOfOthers = line }
    }
    let pull = folder.summary("pull")
    // If a command did its part, or another one cut it short, its last line is not the reason.
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
    // Without its token, because only the worker may report the outcome.
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

  /// The file in which d2-pull finds what earlier increments delivered. Slices of a backlog do not overlap.
  private func deliveredFile(_ slices: [Slice]) -> String? {
    guard let folder = settings.deliveredFolder, slices.count == 1, slices[0].periods.isEmpty else { return nil }
    PrivateFolder.make(folder)
    return DeliveredFolder.file(slices[0], in: folder)
  }

  /// Keeps what d2-pull recorded for a slice if all of it has arrived. Otherwise deletes it.
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
