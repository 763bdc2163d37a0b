/// A set of key hashes. It treats two keys with the same hash as one.
///
/// The slots hold the hashes themselves, so that adding one takes a single memory access. Unlike those of `HashTable`,
/// the hashes have no numbers.
struct KeyHashes: Sendable {
  /// Open addressing with linear probing; 0 means a free slot. There are at least twice as many slots as hashes.
  private var slots: [UInt64]
  private var count = 0

  /// - Parameter capacity: how many keys are expected; the set grows if there are more.
  init(capacity: Int) { slots = Array(repeating: 0, count: Self.slotCount(for: capacity)) }

  private static func slotCount(for capacity: Int) -> Int {
    var count = 32
    while count < 2 * capacity { count *= 2 }
    return count
  }

  func contains(_ hash: UInt64) -> Bool {
    slots.withUnsafeBufferPointer { slots in slots[Self.slot(of: Self.kept(hash), in: slots)] != 0 }
  }

  /// Whether the two sets share a hash.
  func intersects(_ other: KeyHashes) -> Bool {
    let (small, large) = slots.count < other.slots.count ? (self, other) : (other, self)
    return small.slots.contains { $0 != 0 && large.contains($0) }
  }

  /// Adds the hashes that `body` passes to `isNew`. The set has room for this many more.
  @inline(__always)
  mutating func entering(atMost more: Int, _ body: (_ isNew: (UInt64) -> Bool) -> Void) {
    reserve(more)
    var count = count
    slots.withUnsafeMutableBufferPointer { slots in
      body { hash in
        let hash = Self.kept(hash)
        let slot = Self.slot(of: hash, in: UnsafeBufferPointer(slots))
        guard slots[slot] == 0 else { return false }
        slots[slot] = hash
        count += 1
        return true
      }
    }
    self.count = count
  }

  private mutating func reserve(_ more: Int) {
    guard 2 * (count + more) > slots.count else { return }
    let old = slots
    slots = Array(repeating: 0, count: Self.slotCount(for: count + more))
    slots.withUnsafeMutableBufferPointer { slots in
      for hash in old where hash != 0 { slots[Self.slot(of: hash, in: UnsafeBufferPointer(slots))] = hash }
    }
  }

  /// Replaces the hash 0, which means a free slot.
  @inline(__always)
  private static func kept(_ hash: UInt64) -> UInt64 { hash == 0 ? 1 : hash }

  /// The slot of a hash, or the free slot for it.
  @inline(__always)
  private static func slot(of hash: UInt64, in slots: UnsafeBufferPointer<UInt64>) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0, slots[slot] != hash { slot = (slot + 1) & mask }
    return slot
  }
}
