import D2Common

/// The keys of the values of a batch, as 64-bit hashes. Two keys that share a hash are taken for one: then a batch ends earlier than it
/// must, and nothing else happens.
struct KeySet: Sendable {
  private var slots: [UInt64]
  private(set) var count = 0

  init() { slots = [UInt64](repeating: 0, count: 4096) }

  /// Puts a hash in; false where it was there already.
  mutating func insert(_ hash: UInt64) -> Bool {
    if 2 * count >= slots.count { grow() }
    let inserted = Self.insert(hash == 0 ? 1 : hash, &slots)
    if inserted { count += 1 }
    return inserted
  }

  func contains(_ hash: UInt64) -> Bool {
    let hash = hash == 0 ? 1 : hash
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      if slots[slot] == hash { return true }
      slot = (slot + 1) & mask
    }
    return false
  }

  /// Whether both hold a key.
  func intersects(_ other: KeySet) -> Bool {
    let (small, large) = count < other.count ? (self, other) : (other, self)
    return small.slots.contains { $0 != 0 && large.contains($0) }
  }

  private mutating func grow() {
    var wider = [UInt64](repeating: 0, count: slots.count * 4)
    for hash in slots where hash != 0 { _ = Self.insert(hash, &wider) }
    slots = wider
  }

  private static func insert(_ hash: UInt64, _ slots: inout [UInt64]) -> Bool {
    slots.withUnsafeMutableBufferPointer { slots in
      let mask = slots.count - 1
      var slot = Int(truncatingIfNeeded: hash) & mask
      while slots[slot] != 0 {
        if slots[slot] == hash { return false }
        slot = (slot + 1) & mask
      }
      slots[slot] = hash
      return true
    }
  }
}

/// A hash of the fields that make a data value's key. Fast and well mixed; an adversary gains nothing by a collision.
struct KeyHash {
  private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var at = 0
    while at + 8 <= bytes.count {
      mix(bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      at += 8
    }
    var rest: UInt64 = UInt64(bytes.count) << 56
    while at < bytes.count {
      rest = rest << 8 ^ UInt64(bytes[at])
      at += 1
    }
    mix(rest)
  }

  private mutating func mix(_ word: UInt64) {
    let product = (value ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    value = product.high ^ product.low &+ word
  }
}
