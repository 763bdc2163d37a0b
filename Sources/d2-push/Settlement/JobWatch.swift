import D2Common

/// Decides how long d2-push follows a job of the server. From 2.41 on, a server runs one import as a job at a time, so
/// a job may wait long for others (docs/dhis2-servers.md, trap 19).
struct JobWatch {
  enum Finding: Equatable {
    /// The job runs, or begins soon.
    case running
    /// The job waits until the server has finished another one.
    case waiting
    /// The job is over, but there is no summary.
    case over
    /// There was no news of the job for these seconds.
    case silent(Double)
    /// The job still waits after these seconds.
    case neverBegan(Double)
  }

  private let patienceSeconds: Double
  private let begin: Double
  private var lastNews: Double
  private var news = Self.text(notes: 0, status: nil)
  private var looksAfterEnd = 0

  /// The server stores the summary a moment after the last note.
  private static let mostLooksAfterEnd = 4
  /// The scheduler of the server looks for new jobs every 20 seconds. If a job waits longer, another one runs.
  private static let schedulerSeconds = 30.0
  /// A job that waits costs the server nothing, so d2-push waits for it much longer: six hours, if it waits ten minutes
  /// for news.
  private static let waitsLonger = 36.0
  private static let waitingStatuses: Set<String> = ["SCHEDULED", "NOT_STARTED"]
  /// A job that runs only once is disabled at its end.
  private static let endStatus = "DISABLED"

  /// - Parameters:
  ///   - patienceSeconds: how long to wait for news of a job that has begun.
  ///   - now: the time (`monotonicSeconds()`) when the job was queued.
  init(patienceSeconds: Double, now: Double) {
    self.patienceSeconds = patienceSeconds
    begin = now
    lastNews = now
  }

  /// Judges what the server says about the job.
  ///
  /// - Parameters:
  ///   - notes: how many notes the job has written.
  ///   - isCompleted: whether one of them is the last.
  ///   - status: the job's status; `nil` if it is unknown. Only used before the first note.
  mutating func look(notes: Int, isCompleted: Bool, status: String?, now: Double) -> Finding {
    let status = notes == 0 ? status : nil
    if isCompleted || status == Self.endStatus {
      looksAfterEnd += 1
      return looksAfterEnd > Self.mostLooksAfterEnd ? .over : .running
    }
    if let status, Self.waitingStatuses.contains(status) {
      lastNews = now
      let limit = patienceSeconds * Self.waitsLonger
      guard now - begin < limit else { return .neverBegan(limit) }
      return now - begin > min(Self.schedulerSeconds, patienceSeconds) ? .waiting : .running
    }
    let seen = Self.text(notes: notes, status: status)
    if seen != news { (news, lastNews) = (seen, now) }
    return now - lastNews < patienceSeconds ? .running : .silent(patienceSeconds)
  }

  private static func text(notes: Int, status: String?) -> String { "\(notes) \(status ?? "")" }
}
