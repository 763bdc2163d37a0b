import D2Common
import D2Ledger
import D2Store

/// The lease of a slice that is worked on, renewed while that lasts.
struct HeldLease {
  /// Whether somebody else may have the slice.
  private(set) var isLost = false
  private let slice: Int
  private let token: String
  private let seconds: Double
  private let ledger: Ledger
  private var end: Double
  private var renewAt: Double

  /// - Parameter seconds: how long it is, from now on and from each renewal on.
  init(_ slice: Int, _ token: String, seconds: Double, _ ledger: Ledger) {
    self.slice = slice
    self.token = token
    self.seconds = seconds
    self.ledger = ledger
    end = monotonicSeconds() + seconds
    renewAt = monotonicSeconds() + seconds / 3
  }

  /// Renews the lease where that is due.
  ///
  /// - Parameter now: by the clock of `monotonicSeconds`.
  mutating func keep(_ now: Double) throws {
    guard !isLost, now >= renewAt else { return }
    do {
      isLost = try !ledger.renew(slice, token: token, leaseSeconds: seconds)
      end = now + seconds
      renewAt = now + seconds / 3
    } catch let error as StoreError where error.kind == .unreachable || error.kind == .busy {
      // Tried again in a moment; when the lease has ended meanwhile, somebody else may have it.
      renewAt = now + min(1, seconds / 10)
      isLost = now >= end
    }
  }
}
