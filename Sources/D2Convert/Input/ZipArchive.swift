import D2Common

/// The files of a zip archive, one after another in their order; also from a pipe.
public final class ZipArchive {
  private typealias Signature = ZipEntry.Signature

  private let block: InputBlock
  private let inflater = Inflater(.none)
  private var member: ZipMember?
  private var entries = 0
  private var isAtEnd = false

  /// - Parameter source: the archive.
  public init(_ source: any ByteSource) { block = InputBlock(source) }

  /// The next file. It first skips the rest of the previous file, and it leaves out folders. `nil` after the last file,
  /// when the whole archive was read.
  ///
  /// - Throws: `CommandFailure`: 65 if the archive is cut off, is damaged or cannot be unpacked; errors of the source.
  public func nextMember() throws -> (any ByteSource)? {
    while !isAtEnd {
      try member?.skip()
      member = nil
      guard try beginsEntry() else {
        try readDirectory()
        isAtEnd = true
        break
      }
      let entry = try ZipEntry(block)
      entries += 1
      let next = ZipMember(entry, block, inflater)
      member = next
      if !entry.isWithoutData { return next }
    }
    return nil
  }

  /// Whether the next record is a file. All other records come after the files.
  private func beginsEntry() throws -> Bool {
    switch try signature() {
    case Signature.file: return true
    case Signature.directory, Signature.extraData, Signature.endOfDirectory64, Signature.endOfDirectory: return false
    case Signature.onlyPart where entries == 0:
      block.advance(by: 4)
      return try beginsEntry()
    case Signature.descriptor where entries == 0:
      throw malformed("it is one of several parts of a zip archive: put them together first")
    default: throw malformed(entries == 0 ? "this is not a zip archive" : "the zip archive is damaged")
    }
  }

  private func signature() throws -> UInt64 {
    guard try block.has(4) else { throw ZipEntry.endsEarly(block) }
    return block.number(at: 0, bytes: 4)
  }

  private func malformed(_ problem: String) -> CommandFailure { .malformed(block.name, nil, problem) }

  // MARK: The directory after the files

  /// Reads the archive to its end, and checks that it has one. An archive that was cut off may lack files.
  private func readDirectory() throws {
    var listed = 0
    while true {
      switch try signature() {
      case Signature.directory:
        listed += 1
        try skipRecord(46, lengths: [(28, 2), (30, 2), (32, 2)])
      case Signature.directorySignature: try skipRecord(6, lengths: [(4, 2)])
      case Signature.extraData: try skipRecord(8, lengths: [(4, 4)])
      case Signature.endOfDirectory64: try skipRecord(12, lengths: [(4, 8)])
      case Signature.locator64: try skipRecord(20, lengths: [])
      case Signature.endOfDirectory:
        try skipRecord(22, lengths: [(20, 2)])
        guard listed == entries else {
          throw malformed(
            "the zip archive is damaged: it lists \(counted(listed, "file")), and holds \(counted(entries, "file"))")
        }
        // Zeros may fill a block of a tape.
        guard try block.skipZeros() else { throw malformed("something else follows the zip archive") }
        return
      default: throw malformed("the zip archive is damaged")
      }
    }
  }

  /// - Parameter lengths: the offsets and sizes of the fields that give the lengths of what follows the record.
  private func skipRecord(_ bytes: Int, lengths: [(at: Int, bytes: Int)]) throws {
    guard try block.has(bytes) else { throw ZipEntry.endsEarly(block) }
    let behind = lengths.reduce(UInt64(0)) { $0 &+ block.number(at: $1.at, bytes: $1.bytes) }
    guard let behind = Int(exactly: behind), behind <= Int.max - bytes else {
      throw malformed("the zip archive is damaged")
    }
    guard try block.skip(bytes + behind) else { throw ZipEntry.endsEarly(block) }
  }
}
