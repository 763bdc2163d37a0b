import D2Client
import D2Common
import Glibc
import Synchronization

/// The counts of a run, updated from several threads, and its progress line.
final class PullMeter: Sendable {
  struct Figures: Sendable {
    var values = 0
    /// Values that changed before the requested time, and were not written.
    var older = 0
    /// Values that an earlier increment delivered, and that were not written again.
    var delivered = 0
    /// Values without an id, which were not written, by the key of the id.
    var withoutID: [String: Int] = [:]
    var requests = 0
    var retries = 0
    var bytes = 0
    var wireBytes = 0
    /// Requests that are done, and all requests of the plan.
    var done = 0
    var planned = 0
  }

  private let figures = Mutex(Figures())
  private let start = monotonicSeconds()
  private let lastDrawn = Mutex(0.0)
  private let log: Log
  private let draws: Bool
  private static let drawSeconds = 0.25

  init(_ log: Log) {
    self.log = log
    // Values on a terminal show the progress themselves.
    draws = log.draws && isatty(1) == 0
  }

  var current: Figures { figures.withLock { $0 } }
  var seconds: Double { monotonicSeconds() - start }

  func add(_ change: (inout Figures) -> Void) { figures.withLock { change(&$0) } }

  /// Counts the values that a sieve removed.
  func add(_ kept: ValueSieve.Kept, _ sieve: ValueSieve) {
    sieve.delivered?.note(kept.digests)
    guard kept.total > 0 else { return }
    add { figures in
      figures.older += kept.older
      figures.delivered += kept.delivered
      for (key, count) in zip(sieve.nullableKeys, kept.withoutID) where count > 0 {
        figures.withoutID[key, default: 0] += count
      }
    }
  }

  /// Redraws the progress line a few times a second.
  func draw() {
    guard draws else { return }
    let now = monotonicSeconds()
    let isDue = lastDrawn.withLock { last in
      guard now - last >= Self.drawSeconds else { return false }
      last = now
      return true
    }
    guard isDue else { return }
    let figures = current
    let rate = Int(Double(figures.values) / max(seconds, 0.001))
    let (next, all) = (figures.done + 1, figures.planned)
    let left = all > 1 ? ", request \(min(next, all)) of \(all)" : ""
    let size = SizeText.shown(bytes: figures.bytes)
    log.draw("\(counted(figures.values, "value")), \(rate)/s, \(size), \(Int(seconds)) s\(left)")
  }

  /// The last line of a run.
  var line: String {
    let figures = current
    let older = figures.older > 0 ? "\(figures.older) older left out, " : ""
    let delivered = figures.delivered > 0 ? "\(figures.delivered) delivered before left out, " : ""
    return
      "\(counted(figures.values, "value")), \(older)\(delivered)\(counted(figures.requests, "request")), \(SizeText.shown(bytes: figures.bytes)) "
      + "(\(SizeText.shown(bytes: figures.wireBytes)) on the wire), \(DurationText.measured(seconds)), \(counted(figures.retries, "retry"))"
  }

  /// Logs the outcome, and writes the summary.
  ///
  /// - Parameter file: the file for the summary; `nil` for none. The other parameters are those of `summary`.
  func report(_ status: ExitStatus, to file: String?, serverTime: UTCTime?, refusal: String? = nil) {
    if status == .success || current.requests > 0 { log.info(line) }
    guard let file else { return }
    do { try SummaryFile.write(summary(status, serverTime: serverTime, refusal: refusal), to: file) } catch {
      log.error("\(error)")
    }
  }

  /// The counts as one JSON object.
  ///
  /// - Parameters:
  ///   - serverTime: the server's time at the start of the run. Everything that was stored before is included.
  ///   - refusal: the server's words, if it denies this user the data.
  func summary(_ status: ExitStatus, serverTime: UTCTime?, refusal: String?) -> JSONValue {
    let figures = current
    return [
      "values": .int(figures.values), "older": .int(figures.older),
      "deliveredBefore": .int(figures.delivered),
      "withoutID": .int(figures.withoutID.values.reduce(0, +)), "requests": .int(figures.requests),
      "bytes": .int(figures.bytes), "wireBytes": .int(figures.wireBytes),
      "seconds": .number(String(seconds.toThousandths)), "retries": .int(figures.retries),
      "status": .int(Int(status.rawValue)),
      "serverTime": .string(orNull: serverTime?.iso8601), "refusal": .string(orNull: refusal),
    ]
  }
}
