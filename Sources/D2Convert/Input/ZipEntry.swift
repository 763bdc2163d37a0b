import D2Common

/// The header of a file in a zip archive (APPNOTE.TXT, 4.3.7).
struct ZipEntry {
  enum Packing { case stored, deflated }

  /// The signatures of an archive's records.
  enum Signature {
    static let file: UInt64 = 0x0403_4B50
    static let descriptor: UInt64 = 0x0807_4B50
    static let directory: UInt64 = 0x0201_4B50
    static let directorySignature: UInt64 = 0x0505_4B50
    static let extraData: UInt64 = 0x0806_4B50
    static let endOfDirectory64: UInt64 = 0x0606_4B50
    static let locator64: UInt64 = 0x0706_4B50
    static let endOfDirectory: UInt64 = 0x0605_4B50
    /// Marks an archive in several parts that has only one part.
    static let onlyPart: UInt64 = 0x3030_4B50
  }

  private enum Flag {
    static let encrypted: UInt64 = 0x0001
    static let descriptor: UInt64 = 0x0008
    static let stronglyEncrypted: UInt64 = 0x0040
    static let hidden: UInt64 = 0x2000
  }

  private static let headBytes = 30
  /// Marks a size that is in the zip64 field.
  private static let elsewhere: UInt64 = 0xFFFF_FFFF
  private static let zip64Field: UInt64 = 1

  /// The path in the archive, cleaned for messages.
  let path: String
  let packing: Packing
  /// Whether the checksum and sizes come after the data.
  let hasDescriptor: Bool
  /// The checksum of the data, if the header contains it.
  let checksum: UInt64
  /// The size of the packed data in bytes, if the header contains it.
  let packedBytes: Int
  /// The size of the unpacked data in bytes, if the header contains it.
  let bytes: Int

  /// Reads the header at the beginning of a block, and moves past it.
  ///
  /// - Throws: `CommandFailure`, 65 if the file cannot be unpacked.
  init(_ block: InputBlock) throws {
    guard try block.has(Self.headBytes) else { throw Self.endsEarly(block) }
    let flags = block.number(at: 6, bytes: 2)
    let method = block.number(at: 8, bytes: 2)
    let pathBytes = Int(block.number(at: 26, bytes: 2))
    let fieldBytes = Int(block.number(at: 28, bytes: 2))
    guard try block.has(Self.headBytes + pathBytes + fieldBytes) else { throw Self.endsEarly(block) }
    path = Self.path(block, Self.headBytes, pathBytes)
    hasDescriptor = flags & Flag.descriptor != 0
    checksum = block.number(at: 14, bytes: 4)
    let fields = Self.headBytes + pathBytes..<Self.headBytes + pathBytes + fieldBytes
    guard let (packed, unpacked) = Self.sizes(block, fields) else {
      throw CommandFailure.malformed("\(block.name) (\(path))", nil, "the zip archive is damaged: its size is wrong")
    }
    (packedBytes, bytes) = (packed, unpacked)
    packing = try Self.packing(flags, method, "\(block.name) (\(path))")
    block.advance(by: fields.upperBound)
  }

  /// A folder, or one of the files in which macOS stores metadata.
  var isWithoutData: Bool { path.hasSuffix("/") || path.hasPrefix("__MACOSX/") }

  static func endsEarly(_ block: InputBlock) -> CommandFailure {
    .malformed(block.name, nil, "the zip archive ends early: the file is cut off")
  }

  private static func path(_ block: InputBlock, _ offset: Int, _ length: Int) -> String {
    let bytes = UnsafeBufferPointer(start: block.start + offset, count: length)
    return String(String(decoding: bytes, as: UTF8.self).map { $0.isASCII && $0 < " " || $0 == "\u{7F}" ? "?" : $0 })
  }

  private static func packing(_ flags: UInt64, _ method: UInt64, _ name: String) throws -> Packing {
    guard flags & (Flag.encrypted | Flag.stronglyEncrypted | Flag.hidden) == 0 else {
      throw CommandFailure.malformed(name, nil, "it is encrypted: unpack it first, with its password")
    }
    switch method {
    case 0:
      guard flags & Flag.descriptor == 0 else {
        throw CommandFailure.malformed(
          name, nil, "the zip archive does not say how long it is before its data: unpack it first")
      }
      return .stored
    case 8: return .deflated
    default:
      throw CommandFailure.malformed(
        name, nil, "it is compressed by method \(method), which d2 does not know: unpack it first")
    }
  }

  /// Both sizes. Those that do not fit are in the zip64 field.
  private static func sizes(_ block: InputBlock, _ fields: Range<Int>) -> (packed: Int, unpacked: Int)? {
    var packed = block.number(at: 18, bytes: 4)
    var unpacked = block.number(at: 22, bytes: 4)
    guard packed == elsewhere || unpacked == elsewhere else { return (Int(packed), Int(unpacked)) }
    guard var at = field64(block, fields) else { return nil }
    if unpacked == elsewhere {
      guard at.count >= 8 else { return nil }
      unpacked = block.number(at: at.lowerBound, bytes: 8)
      at = at.dropFirst(8)
    }
    if packed == elsewhere {
      guard at.count >= 8 else { return nil }
      packed = block.number(at: at.lowerBound, bytes: 8)
    }
    guard let packed = Int(exactly: packed), let unpacked = Int(exactly: unpacked) else { return nil }
    return (packed, unpacked)
  }

  private static func field64(_ block: InputBlock, _ fields: Range<Int>) -> Range<Int>? {
    var at = fields.lowerBound
    while at + 4 <= fields.upperBound {
      let length = Int(block.number(at: at + 2, bytes: 2))
      guard at + 4 + length <= fields.upperBound else { return nil }
      if block.number(at: at, bytes: 2) == zip64Field { return at + 4..<at + 4 + length }
      at += 4 + length
    }
    return nil
  }
}
