import D2Hash

/// The place of a line in its file.
struct LinePlace: Equatable, BitwiseCopyable {
  var offset: UInt64
  var length: UInt32
}

/// The record of one line of one side: 48 bytes.
struct SideRecord: BitwiseCopyable {
  /// The hash of data element, period, organisation unit and option combos.
  var key: ValueHash
  var value: ValueHash
  private var offsetAndState: UInt64
  private var length: UInt32
  /// Its group in the summary.
  var group: UInt32

  private static let deletedBit: UInt64 = 1 << 63
  private static let keepingShift: UInt64 = 61
  private static let offsetMask: UInt64 = 1 << keepingShift - 1

  /// What the destination does with a value of the source.
  enum Keeping: UInt64, BitwiseCopyable {
    case whole
    /// The destination does not store it.
    case dropped
    /// The destination stores it in another spelling; `value` is the hash of that.
    case changed
    /// A reference to a file, which is not moved.
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
