/// How long a request should take at least, counted from its arrival: what the work itself took is part of it.
final class CostOfRequest {
  private let arrival: UInt64
  private var seconds = 0.0

  init(arrival: UInt64) { self.arrival = arrival }

  func add(_ seconds: Double) { self.seconds += seconds }

  var secondsLeft: Double {
    seconds - Double(Clock.steadyNanoseconds() - arrival) / 1e9
  }
}
