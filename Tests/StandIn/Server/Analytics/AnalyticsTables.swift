/// What the analytics job copied when it last ran: values and registrations that came later are not in the tables.
struct AnalyticsTables: Sendable {
  var values: ValueStore
  var registrations: RegistrationStore
  /// When the job ended, in milliseconds since 1970.
  var time: Int64
}

extension Server {
  /// Runs the analytics job: at once, and as if it had ended at a moment.
  ///
  /// - Parameter moment: milliseconds since 1970; `nil` is now.
  func runAnalytics(at moment: Int64? = nil) {
    let time = moment ?? clock.now
    state.withLock {
      $0.analytics = AnalyticsTables(values: $0.values, registrations: $0.registrations, time: time)
    }
  }

  /// Takes the tables away, as on a server whose job never ran.
  func dropAnalytics() { state.withLock { $0.analytics = nil } }
}
