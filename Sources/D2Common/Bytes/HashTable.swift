/// Assigns consecutive numbers to keys, from 0, and finds them by 64-bit hashes. The user of the table stores the keys
/// in an array, and compares them there. The comparison can be omitted if two keys with the same hash may count as one.
public struct HashTable: Sendable {
  /// The numbers, with open addressing and linear probing; -1 if a slot is free.
  private var slots: [Int32]
  /// The hashes, by number.
  private var hashes: [UInt64] = []

  /// - Parameter capacity: how many keys are expected; it grows if there are more.
  public init(capacity: Int = 0) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    slots = Array(repeating: -1, count: size)
    hashes.reserveCapacity(capacity)
  }

  /// How many keys it has.
  public var count: Int { hashes.count }

  /// The number of a key; `nil` if it is not in the table.
  ///
  /// - Parameter isKey: whether the key with this number, which has the same hash, is the one to find.
  @inline(__always)
  public func number(_ hash: UInt64, where isKey: (Int) -> Bool = { _ in true }) -> Int? {
    let number = slots[slot(hash, isKey)]
    return number < 0 ? nil : Int(number)
  }

  /// The number of a key. A new key gets the next number.
  @inline(__always)
  public mutating func enter(
    _ hash: UInt64, where isKey: (Int) -> Bool = { _ in true }
  ) -> (number: Int, isNew: Bool) {
    let slot = slot(hash, isKey)
    if slots[slot] >= 0 { return (Int(slots[slot]), false) }
    slots[slot] = Int32(hashes.count)
    hashes.append(hash)
    if 2 * hashes.count > slots.count { grow() }
    return (hashes.count - 1, true)
  }

  /// The slot with a key's number, or the free slot for it.
  @inline(__always)
  private func slot(_ hash: UInt64, _ isKey: (Int) -> Bool) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] >= 0, hashes[Int(slots[slot])] != hash || !isKey(Int(slots[slot])) { slot = (slot + 1) & mask }
    return slot
  }

  @inline(never)
  private mutating func grow() {
    slots = Array(repeating: -1, count: slots.count * 2)
    for (number, hash) in hashes.enumerated() { slots[slot(hash) { _ in false }] = Int32(number) }
  }
}
