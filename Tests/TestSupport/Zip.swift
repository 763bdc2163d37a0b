/// Builds zip archives byte by byte, so that they can be as unusual as real ones.
package struct ZipBuilder {
  /// The place of a member's sizes.
  package enum Sizes: Sendable, CaseIterable {
    case before, before64, behind, behindUnsigned, behind64, behindUnsigned64
  }

  /// The bytes so far.
  package private(set) var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var entries = 0

  package init() {}

  /// Adds a file.
  ///
  /// - Parameters:
  ///   - level: 0 stores it as deflate does, `nil` stores it without deflate.
  ///   - flags: further flags, beside the one for sizes after the data.
  ///   - method: the method in the header, whatever the data is.
  ///   - checksum: the checksum in the header; the correct one by default.
  package mutating func add(
    _ path: String, _ data: [UInt8], level: Int32? = 6, sizes: Sizes = .before, flags: Int = 0, method: Int? = nil,
    checksum: UInt32? = nil
  ) {
    // A gzip member consists of ten bytes, the data, the checksum and the length.
    let member = gzip(data, level: level ?? 1)
    let rightChecksum = member.suffix(8).prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let checksum = checksum ?? rightChecksum
    let packed = level == nil ? data : Array(member.dropFirst(10).dropLast(8))
    let isBefore = sizes == .before || sizes == .before64
    let head =
      number(45, 2) + number((isBefore ? 0 : 8) | flags, 2) + number(method ?? (level == nil ? 0 : 8), 2) + number(0, 4)
      + number(isBefore ? Int(checksum) : 0, 4)
    let field64 = number(1, 2) + number(16, 2) + number(data.count, 8) + number(packed.count, 8)
    let offset = bytes.count
    bytes += number(0x0403_4B50, 4) + head
    switch sizes {
    case .before: bytes += number(packed.count, 4) + number(data.count, 4)
    case .before64: bytes += number(-1, 8)
    default: bytes += number(0, 8)
    }
    // Some programs write other fields before the zip64 field.
    let fields = sizes == .before64 ? number(0x5455, 2) + number(5, 2) + number(0, 5) + field64 : []
    bytes += number(path.utf8.count, 2) + number(fields.count, 2) + path.utf8 + fields + packed
    if !isBefore {
      if sizes == .behind || sizes == .behind64 { bytes += number(0x0807_4B50, 4) }
      let width = sizes == .behind64 || sizes == .behindUnsigned64 ? 8 : 4
      bytes += number(Int(checksum), 4) + number(packed.count, width) + number(data.count, width)
    }
    entries += 1
    directory += number(0x0201_4B50, 4) + number(45, 2) + head.dropLast(4) + number(Int(checksum), 4)
    directory += number(packed.count, 4) + number(data.count, 4) + number(path.utf8.count, 2) + number(0, 12)
    directory += number(offset, 4) + path.utf8
  }

  /// The whole archive.
  ///
  /// - Parameters:
  ///   - comment: the comment of the archive.
  ///   - is64: whether to write the zip64 records after its directory.
  package func archive(comment: String = "", is64: Bool = false) -> [UInt8] {
    let end64 =
      number(0x0606_4B50, 4) + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 8) + number(entries, 8)
      + number(entries, 8) + number(directory.count, 8) + number(bytes.count, 8)
    let locator64 = number(0x0706_4B50, 4) + number(0, 4) + number(bytes.count + directory.count, 8) + number(1, 4)
    let end =
      number(0x0605_4B50, 4) + number(0, 4) + number(entries, 2) + number(entries, 2) + number(directory.count, 4)
      + number(bytes.count, 4) + number(comment.utf8.count, 2) + Array(comment.utf8)
    return bytes + directory + (is64 ? end64 + locator64 : []) + end
  }

  /// A little-endian number.
  private func number(_ number: Int, _ width: Int) -> [UInt8] {
    (0..<width).map { $0 < 8 ? UInt8(truncatingIfNeeded: number >> (8 * $0)) : 0 }
  }
}
