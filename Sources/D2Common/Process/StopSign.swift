import Synchronization

/// Tells those who wait for input that nobody wants it any more.
package final class StopSign: Sendable {
  private let state = Atomic<Bool>(false)

  package init() {}

  package var isSet: Bool { state.load(ordering: .relaxed) }
  package func set() { state.store(true, ordering: .relaxed) }
}
