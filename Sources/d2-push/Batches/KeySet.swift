import D2Common

/// The keys of the values of a batch, as 64-bit hashes. Two keys that share a hash are taken for one: then a batch ends
/// earlier than it must, and nothing else happens.
final class KeySet: @unchecked Sendable {
  // Filled by one thread, then only read.
  private var slots: UnsafeMutablePointer<UInt64>
  private var mask: Int
  private(set) var count = 0

  /// - Parameter slots: how many there are at first, a power of two; it grows.
  init(slots count: Int = 4096) {
    mask = count - 1
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: 0, count: mask + 1)
  }

  deinit { slots.deallocate() }

  /// Puts a hash in; false where it was there already.
  func insert(_ hash: UInt64) -> Bool {
    if 2 * count > mask { grow() }
    let slot = slot(of: hash == 0 ? 1 : hash)
    guard slots[slot] == 0 else { return false }
    slots[slot] = hash == 0 ? 1 : hash
    count += 1
    return true
  }

  func contains(_ hash: UInt64) -> Bool { slots[slot(of: hash == 0 ? 1 : hash)] != 0 }

  /// Whether both hold a key.
  func intersects(_ other: KeySet) -> Bool {
    let (small, large) = count < other.count ? (self, other) : (other, self)
    return (0...small.mask).contains { small.slots[$0] != 0 && large.contains(small.slots[$0]) }
  }

  /// Where a hash stands, or the free place where it would.
  @inline(__always)
  private func slot(of hash: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0, slots[slot] != hash { slot = (slot + 1) & mask }
    return slot
  }

  private func grow() {
    let old = UnsafeMutableBufferPointer(start: slots, count: mask + 1)
    mask = (mask + 1) * 4 - 1
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: 0, count: mask + 1)
    for hash in old where hash != 0 { slots[slot(of: hash)] = hash }
    old.deallocate()
  }
}
