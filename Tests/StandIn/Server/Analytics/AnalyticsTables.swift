/// The copy from the last run of the analytics job. Later values and registrations are not in the tables.
struct AnalyticsTables: Sendable {
  var values: ValueStore
  var registrations: RegistrationStore
  /// When the job ended, in milliseconds since 1970.
  var time: Int64
}

extension Server {
  /// Runs the analytics job at once, as if it had ended at a moment.
  ///
  /// - Parameter moment: milliseconds since 1970; `nil` for now.
  func runAnalytics(at moment: Int64? = nil) {
    let time = moment ?? clock.now
    state.withLock {
      $0.analytics = AnalyticsTables(values: $0.values, registrations: $0.registrations, time: time)
    }
  }

  /// Removes the tables, as on a server whose job never ran.
  func dropAnalytics() { state.withLock { $0.analytics = nil } }
}
