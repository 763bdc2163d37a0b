/// Numbers for keys, from 0 in the order in which they come, found by hashes of 64 bits. Whoever uses the table has
/// the keys themselves in an array, and compares them there. A caller that can bear two keys of one hash leaves the
/// comparison out.
public struct HashTable: Sendable {
  /// The numbers, with open addressing and linear probing; -1 if a slot is free.
  private var slots: [Int32]
  /// By number.
  private var hashes: [UInt64] = []

  /// - Parameter capacity: how many keys are expected; it grows.
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
  /// - Parameter isKey: whether the key of this number, which has the same hash, is the one that is looked for.
  @inline(__always)
  public func number(_ hash: UInt64, where isKey: (Int) -> Bool = { _ in true }) -> Int? {
    let number = slots[slot(hash, isKey)]
    return number < 0 ? nil : Int(number)
  }

  /// The number of a key, which is the next one if it is new.
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

  /// Where a key's number stands, or the free slot where it would.
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
