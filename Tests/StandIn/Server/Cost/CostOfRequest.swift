/// The least time that a request should take from its arrival. It includes the time of the work itself.
final class CostOfRequest {
  private let arrival: UInt64
  private var seconds = 0.0

  init(arrival: UInt64) { self.arrival = arrival }

  func add(_ seconds: Double) { self.seconds += seconds }

  var secondsLeft: Double {
    seconds - Double(Clock.steadyNanoseconds() - arrival) / 1e9
  }
}
