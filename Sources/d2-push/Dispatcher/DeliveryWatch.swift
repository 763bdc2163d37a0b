import D2Common

/// A queued request that is followed.
struct QueuedRequest: Sendable {
  let uid: String
  let request: QueueRequest
  /// What is known of it so far: for its line on stdout.
  let facility: String
  let attempts: Int
  /// When it was begun and queued.
  let start: Double
  let queuedAt: Double
  /// When it is asked about next, and how long it is left alone after that.
  fileprivate var due: Double
  fileprivate var pause = DeliveryWatch.firstPauseSeconds
  /// What the queue said last, where that was not the end.
  var lastState: DeliveryState?

  init(_ request: QueueRequest, uid: String, facility: String, attempts: Int, start: Double) {
    self.uid = uid
    self.request = request
    self.facility = facility
    self.attempts = attempts
    self.start = start
    queuedAt = monotonicSeconds()
    due = queuedAt + DeliveryWatch.firstPauseSeconds
  }
}

/// The queued requests that are followed: one is asked about at a time, each again after a while that grows. Their values are held until
/// it is known what became of them, so that no more than so many are under way.
struct DeliveryWatch: Sendable {
  fileprivate static let firstPauseSeconds = 0.5
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

  private var waiting: [QueuedRequest] = []
  /// The bytes of the values that are waiting or asked about.
  private var bytes = 0
  private var count = 0
  private let mostSeconds: Double
  private var lastDelivery = -Double.infinity
  /// The queue has delivered nothing for as long as one request is followed, or tells nothing: it makes no sense to follow others.
  private(set) var hasGivenUp = false

  /// - Parameter mostSeconds: how long a request is followed.
  init(mostSeconds: Double) { self.mostSeconds = mostSeconds }

  var isEmpty: Bool { count == 0 }

  /// Whether another request may be queued, to be followed.
  var hasRoom: Bool { count < Self.mostRequests && bytes < Self.mostBytes }

  mutating func add(_ queued: QueuedRequest) {
    waiting.append(queued)
    count += 1
    bytes += queued.request.batch.bytes
  }

  /// Takes out those to ask about next: those that are due first.
  mutating func nextRound() -> [QueuedRequest] {
    let asked = waiting.sorted { $0.due < $1.due }
    waiting = []
    return asked
  }

  /// Puts back what is still open.
  ///
  /// - Returns: what was followed for too long.
  mutating func finish(_ round: Round) -> [QueuedRequest] {
    let now = monotonicSeconds()
    if !round.settled.isEmpty { lastDelivery = now }
    for (queued, _) in round.settled { drop(queued) }
    // Where the queue does not answer nothing more is to be learnt.
    if round.failure != nil { hasGivenUp = true }
    var late: [QueuedRequest] = []
    for queued in round.open {
      if now - queued.queuedAt <= mostSeconds, !hasGivenUp {
        waiting.append(queued)
      } else {
        hasGivenUp = hasGivenUp || lastDelivery < queued.queuedAt
        drop(queued)
        late.append(queued)
      }
    }
    return late
  }

  private mutating func drop(_ queued: QueuedRequest) {
    count -= 1
    bytes -= queued.request.batch.bytes
  }

  /// Asks about the requests that are due, one after the other; waits for a moment where none is.
  static func look(at asked: [QueuedRequest], _ sender: QueueSender) -> Round {
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
        let state = try sender.state(of: queued.uid)
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
