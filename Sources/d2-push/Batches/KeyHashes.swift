/// Hashes of keys: no key is in twice. Two keys that share a hash are taken for one.
///
/// The hashes stand in the slots themselves, so that a new one costs one look into memory; they have no numbers, as
/// those of `HashTable` have.
struct KeyHashes: Sendable {
  /// Open addressing with linear probing; 0 where a slot is free. There are at least twice as many as hashes.
  private var slots: [UInt64]
  private var count = 0

  /// - Parameter capacity: how many keys are expected; it grows.
  init(capacity: Int) { slots = Array(repeating: 0, count: Self.slotCount(for: capacity)) }

  private static func slotCount(for capacity: Int) -> Int {
    var count = 32
    while count < 2 * capacity { count *= 2 }
    return count
  }

  func contains(_ hash: UInt64) -> Bool {
    slots.withUnsafeBufferPointer { slots in slots[Self.slot(of: Self.kept(hash), in: slots)] != 0 }
  }

  /// Whether both have a hash in common.
  func intersects(_ other: KeyHashes) -> Bool {
    let (small, large) = slots.count < other.slots.count ? (self, other) : (other, self)
    return small.slots.contains { $0 != 0 && large.contains($0) }
  }

  /// Enters hashes one after the other, as `body` comes to them; there is room for so many more.
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

  /// 0 stands for a free slot.
  @inline(__always)
  private static func kept(_ hash: UInt64) -> UInt64 { hash == 0 ? 1 : hash }

  /// Where a hash stands, or the free slot where it would.
  @inline(__always)
  private static func slot(of hash: UInt64, in slots: UnsafeBufferPointer<UInt64>) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0, slots[slot] != hash { slot = (slot + 1) & mask }
    return slot
  }
}
