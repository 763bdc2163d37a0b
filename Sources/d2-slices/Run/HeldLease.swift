import D2Common
import D2Ledger
import D2Store

/// The lease of the slices under one token, renewed while the worker moves them.
struct HeldLease {
  /// Whether another worker may have one of the slices.
  private(set) var isLost = false
  /// How many slices the lease covers.
  private var slices: Int
  private let token: String
  private let seconds: Double
  private let ledger: Ledger
  private var end: Double
  private var renewAt: Double

  /// - Parameter seconds: the length of the lease, from now on and after each renewal.
  init(of slices: Int, _ token: String, seconds: Double, _ ledger: Ledger) {
    self.slices = slices
    self.token = token
    self.seconds = seconds
    self.ledger = ledger
    end = monotonicSeconds() + seconds
    renewAt = monotonicSeconds() + seconds / 3
  }

  /// Removes slices that have ended from the lease.
  mutating func ended(_ number: Int) { slices -= number }

  /// Renews the lease if it is due.
  ///
  /// - Parameter now: the time of `monotonicSeconds`.
  mutating func keep(_ now: Double) throws {
    guard !isLost, now >= renewAt else { return }
    do {
      isLost = try ledger.renewAll(token: token, leaseSeconds: seconds) < slices
      end = now + seconds
      renewAt = now + seconds / 3
    } catch let error as StoreError where error.kind == .unreachable || error.kind == .busy {
      // Retry in a moment. If the lease expires meanwhile, another worker may take the slice.
      renewAt = now + min(1, seconds / 10)
      isLost = now >= end
    }
  }
}
