import D2Hash

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
  private static let keepingShift: UInt64 = 61
  private static let offsetMask: UInt64 = 1 << keepingShift - 1

  /// What the destination makes of a value of the source.
  enum Keeping: UInt64, BitwiseCopyable {
    case whole
    /// It does not store it.
    case dropped
    /// It stores it in another spelling, which `value` is of.
    case changed
    /// It is a reference to a file, which does not travel.
    case file
  }

  init(
    key: ValueHash, value: ValueHash, place: LinePlace, isDeleted: Bool, group: UInt32, keeping: Keeping = .whole
  ) {
    self.key = key
    self.value = value
    offsetAndState =
      place.offset & Self.offsetMask | keeping.rawValue << Self.keepingShift | (isDeleted ? Self.deletedBit : 0)
    length = place.length
    self.group = group
  }

  var isDeleted: Bool { offsetAndState & Self.deletedBit != 0 }
  var keeping: Keeping { Keeping(rawValue: offsetAndState >> Self.keepingShift & 3)! }
  var place: LinePlace { LinePlace(offset: offsetAndState & Self.offsetMask, length: length) }
}
