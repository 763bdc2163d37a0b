import D2Common
import D2Ledger
import D2Store

/// The lease of the slices that are worked on under one token, renewed while that lasts.
struct HeldLease {
  /// Whether somebody else may have one of the slices.
  private(set) var isLost = false
  /// How many slices it is of.
  private var slices: Int
  private let token: String
  private let seconds: Double
  private let ledger: Ledger
  private var end: Double
  private var renewAt: Double

  /// - Parameter seconds: how long it is, from now on and from each renewal on.
  init(of slices: Int, _ token: String, seconds: Double, _ ledger: Ledger) {
    self.slices = slices
    self.token = token
    self.seconds = seconds
    self.ledger = ledger
    end = monotonicSeconds() + seconds
    renewAt = monotonicSeconds() + seconds / 3
  }

  /// So many slices came to their end, and are not held any more.
  mutating func ended(_ number: Int) { slices -= number }

  /// Renews the lease if that is due.
  ///
  /// - Parameter now: by the clock of `monotonicSeconds`.
  mutating func keep(_ now: Double) throws {
    guard !isLost, now >= renewAt else { return }
    do {
      isLost = try ledger.renewAll(token: token, leaseSeconds: seconds) < slices
      end = now + seconds
      renewAt = now + seconds / 3
    } catch let error as StoreError where error.kind == .unreachable || error.kind == .busy {
      // Retried in a moment; if the lease has ended meanwhile, another worker may have it.
      renewAt = now + min(1, seconds / 10)
      isLost = now >= end
    }
  }
}
