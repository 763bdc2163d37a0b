/// Where a line stands in its file.
struct LinePlace: Equatable, BitwiseCopyable {
  var offset: UInt64
  var length: UInt32
}

/// What is remembered of one line of one side: 48 bytes.
struct SideRecord: BitwiseCopyable {
  /// Of data element, period, organisation unit and option combos.
  var key: ValueHash
  var value: ValueHash
  private var offsetAndState: UInt64
  private var length: UInt32
  /// The group of the summary that it counts for.
  var group: UInt32

  private static let deletedBit: UInt64 = 1 << 63

  init(key: ValueHash, value: ValueHash, place: LinePlace, isDeleted: Bool, group: UInt32) {
    self.key = key
    self.value = value
    offsetAndState = place.offset | (isDeleted ? Self.deletedBit : 0)
    length = place.length
    self.group = group
  }

  var isDeleted: Bool { offsetAndState & Self.deletedBit != 0 }
  var place: LinePlace { LinePlace(offset: offsetAndState & ~Self.deletedBit, length: length) }
}
