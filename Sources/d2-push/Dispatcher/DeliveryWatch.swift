import D2Common

/// A queued batch that is followed.
struct QueuedRequest: Sendable {
  let uid: String
  let batch: Batch
  let key: RequestKey
  let facility: String
  /// What it took to queue it.
  let outcome: BatchOutcome
  /// When it was begun and queued.
  let start: Double
  let queuedAt = monotonicSeconds()
  /// When it is asked about next, and how long it is left alone after that.
  var due = monotonicSeconds() + DeliveryWatch.firstPauseSeconds
  var pause = DeliveryWatch.firstPauseSeconds
  /// What the queue said last, if that was not the end.
  var lastState: DeliveryState?

  /// What became of its values.
  ///
  /// - Parameter state: the end; `nil` if it was followed for too long.
  fileprivate func end(_ state: DeliveryState?) -> BatchOutcome {
    var end = state?.outcome(of: batch) ?? BatchOutcome()
    if state == nil {
      end.queued = batch.values.count
      end.status = "queued"
    }
    end.isDelivered = state != nil
    end.attempts = outcome.attempts
    end.traffic = outcome.traffic
    end.notes = key.notes(end, facility: facility, uid: uid) + DeliveryState.notes(state ?? lastState)
    end.seconds = monotonicSeconds() - start
    return end
  }
}

/// The queued requests that are followed: one is asked about at a time, each again after a while that grows. Their
/// values are held until it is known what became of them, so that no more than so many are under way.
struct DeliveryWatch: Sendable {
  static let firstPauseSeconds = 0.5
  /// go-dispatcher2 looks for work every five seconds, and sends failed requests again every five minutes.
  private static let longestPauseSeconds = 15.0
  /// How long, at most, one look around takes or waits.
  private static let roundSeconds = 0.3
  private static let mostRequests = 5000
  private static let mostBytes = 32 << 20

  /// What one look around has found.
  struct Round: Sendable {
    var settled: [(queued: QueuedRequest, state: DeliveryState)] = []
    var open: [QueuedRequest] = []
    var failure: (any Error)?
  }

  typealias Closed = (batch: Batch, outcome: BatchOutcome)

  private var waiting: [QueuedRequest] = []
  /// The bytes of the values that are waiting or asked about.
  private var bytes = 0
  private var count = 0
  private let mostSeconds: Double
  private var lastDelivery = -Double.infinity
  /// The queue has delivered nothing for as long as one request is followed, or tells nothing: it makes no sense to
  /// follow others.
  private(set) var hasGivenUp = false
  /// Values that the queue gave up, and those that were followed for too long.
  private var givenUp = 0
  private var late = 0

  /// - Parameter mostSeconds: how long a request is followed.
  init(mostSeconds: Double) { self.mostSeconds = mostSeconds }

  var isEmpty: Bool { count == 0 }

  /// Whether another request may be queued, to be followed.
  var hasRoom: Bool { count < Self.mostRequests && bytes < Self.mostBytes }

  /// Follows a batch, unless nothing is followed any more: then returns what became of it.
  mutating func add(_ queued: QueuedRequest) -> [Closed] {
    if hasGivenUp { return [close(late: queued)] }
    waiting.append(queued)
    count += 1
    bytes += queued.batch.bytes
    return []
  }

  /// Takes out those to ask about next: those that are due first.
  mutating func nextRound() -> [QueuedRequest] {
    let asked = waiting.sorted { $0.due < $1.due }
    waiting = []
    return asked
  }

  /// Puts back what is still open.
  ///
  /// - Returns: what is no longer followed.
  mutating func finish(_ round: Round) -> [Closed] {
    let now = monotonicSeconds()
    if !round.settled.isEmpty { lastDelivery = now }
    // Where the queue does not answer nothing more is to be learnt.
    if round.failure != nil { hasGivenUp = true }
    var closed: [Closed] = []
    for (queued, state) in round.settled {
      drop(queued)
      closed.append((queued.batch, queued.end(state)))
      givenUp += closed[closed.count - 1].outcome.notSent.count
    }
    for queued in round.open {
      if now - queued.queuedAt <= mostSeconds, !hasGivenUp {
        waiting.append(queued)
      } else {
        hasGivenUp = hasGivenUp || lastDelivery < queued.queuedAt
        drop(queued)
        closed.append(close(late: queued))
      }
    }
    return closed
  }

  private mutating func close(late queued: QueuedRequest) -> Closed {
    late += queued.batch.values.count
    return (queued.batch, queued.end(nil))
  }

  private mutating func drop(_ queued: QueuedRequest) {
    count -= 1
    bytes -= queued.batch.bytes
  }

  /// What was followed and was not delivered in the end.
  var failure: CommandFailure? {
    var parts: [String] = []
    if givenUp > 0 {
      parts.append(
        counted(givenUp, "value") + verbForm(givenUp, "was", "were")
          + " queued but not delivered: the queue gave up the requests")
    }
    if late > 0 {
      parts.append(
        counted(late, "value") + verbForm(late, "is", "are")
          + " still in the queue after \(DurationText.measured(mostSeconds)): it is not known whether they will arrive")
    }
    return parts.isEmpty ? nil : CommandFailure(.temporary, parts.joined(separator: "; "))
  }

  /// Asks about the requests that are due, one after the other; waits for a moment if none is.
  static func look(at asked: [QueuedRequest], _ client: QueueClient) -> Round {
    var round = Round()
    let end = monotonicSeconds() + roundSeconds
    for (position, queued) in asked.enumerated() {
      let now = monotonicSeconds()
      if queued.due > now || now > end {
        round.open += asked[position...]
        break
      }
      var queued = queued
      do {
        let state = try client.state(of: queued.uid)
        if state.isFinal {
          round.settled.append((queued, state))
        } else {
          queued.lastState = state
          queued.due = monotonicSeconds() + queued.pause
          queued.pause = min(queued.pause * 1.5, longestPauseSeconds)
          round.open.append(queued)
        }
      } catch {
        round.failure = error
        round.open += asked[position...]
        break
      }
    }
    if let next = round.open.map(\.due).min(), round.failure == nil {
      let wait = min(next - monotonicSeconds(), end - monotonicSeconds())
      if wait > 0, !D2Common.pause(seconds: wait) { round.failure = Signals.failure }
    }
    return round
  }
}
