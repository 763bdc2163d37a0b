import D2Common

/// A queued batch that d2-push follows.
struct QueuedRequest: Sendable {
  let uid: String
  let batch: Batch
  let key: RequestKey
  let facility: String
  /// The outcome of queueing it, with its attempts and bytes.
  let outcome: BatchOutcome
  /// When it was begun, and when it was queued.
  let start: Double
  let queuedAt = monotonicSeconds()
  /// When to ask about it next, and how long to wait after that.
  var due = monotonicSeconds() + DeliveryWatch.firstPauseSeconds
  var pause = DeliveryWatch.firstPauseSeconds
  /// The last state from the queue, if it was not final.
  var lastState: DeliveryState?

  /// The outcome of its values.
  ///
  /// - Parameter state: the final state; `nil` if d2-push followed it for too long.
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

/// Follows queued requests. It asks about one at a time, and about each again after a growing pause. It holds their
/// values until their outcome is known, so their number and bytes are limited.
struct DeliveryWatch: Sendable {
  static let firstPauseSeconds = 0.5
  /// go-dispatcher2 looks for work every five seconds, and resends failed requests every five minutes.
  private static let longestPauseSeconds = 15.0
  /// The most time that one round takes or waits.
  private static let roundSeconds = 0.3
  private static let mostRequests = 5000
  private static let mostBytes = 32 << 20

  /// The result of one round.
  struct Round: Sendable {
    var settled: [(queued: QueuedRequest, state: DeliveryState)] = []
    var open: [QueuedRequest] = []
    var failure: (any Error)?
  }

  typealias Closed = (batch: Batch, outcome: BatchOutcome)

  private var waiting: [QueuedRequest] = []
  /// The bytes of all values that are followed.
  private var bytes = 0
  private var count = 0
  private let mostSeconds: Double
  private var lastDelivery = -Double.infinity
  /// Whether d2-push has stopped following requests: the queue does not answer, or has delivered nothing for the time
  /// that one request is followed.
  private(set) var hasGivenUp = false
  /// Values that the queue has given up, and values that were followed for too long.
  private var givenUp = 0
  private var late = 0

  /// - Parameter mostSeconds: how long a request is followed.
  init(mostSeconds: Double) { self.mostSeconds = mostSeconds }

  var isEmpty: Bool { count == 0 }

  /// Whether another request may be queued, to be followed.
  var hasRoom: Bool { count < Self.mostRequests && bytes < Self.mostBytes }

  /// Follows a batch. If nothing is followed any more, it returns the outcome instead.
  mutating func add(_ queued: QueuedRequest) -> [Closed] {
    if hasGivenUp { return [close(late: queued)] }
    waiting.append(queued)
    count += 1
    bytes += queued.batch.bytes
    return []
  }

  /// Takes out the requests to ask about next, in the order in which they are due.
  mutating func nextRound() -> [QueuedRequest] {
    let asked = waiting.sorted { $0.due < $1.due }
    waiting = []
    return asked
  }

  /// Puts back the requests that are still open.
  ///
  /// - Returns: the requests that are no longer followed.
  mutating func finish(_ round: Round) -> [Closed] {
    let now = monotonicSeconds()
    if !round.settled.isEmpty { lastDelivery = now }
    // If the queue does not answer, there is nothing more to learn.
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

  /// The failure for requests that were followed but not delivered in the end.
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

  /// Asks about the requests that are due, one after the other. If no request is due, it waits for a moment.
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
