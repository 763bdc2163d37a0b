import D2Common
import D2Convert
import TestSupport

extension FuzzTarget {
  /// Packed files are unpacked unchanged. Other archives give the same files or the same failure, whatever the chunks.
  /// Random bytes are almost never a zip archive. So the first byte of the input selects how to pack the others.
  static let zipArchive = FuzzTarget(name: "zip") { input in
    guard let mark = input.first else { return }
    let text = Array(input.dropFirst())
    guard let (archive, expected) = packed(text, as: mark) else { return try checkChunks(of: text) }
    for chunking in Chunking.allCases {
      let found = unpack(archive, chunking)
      mustHold(found == expected, "\(found), not \(expected) in \(chunking), packed as \(mark)")
    }
    // The archive with one wrong byte.
    guard let place = text.first else { return }
    var damaged = archive
    damaged[(Int(mark) << 8 | Int(place)) % archive.count] ^= 1 << (place & 7)
    try checkChunks(of: damaged)
  }

  private static func checkChunks(of archive: [UInt8]) throws {
    let expected = unpack(archive, .whole)
    for chunking in Chunking.allCases where chunking != .whole {
      let found = unpack(archive, chunking)
      mustHold(found == expected, "\(found) in \(chunking) is \(expected)")
    }
  }

  private static func packed(_ text: [UInt8], as mark: UInt8) -> (archive: [UInt8], expected: [String])? {
    let sizes = ZipBuilder.Sizes.allCases
    guard mark & 7 < sizes.count else { return nil }
    var zip = ZipBuilder()
    var expected: [String] = []
    for (number, part) in [text[..<(text.count / 3)], text[(text.count / 3)...]].enumerated() {
      let isStored = mark & 8 != 0 && mark & 7 < 2
      let level = isStored ? nil : Int32(mark >> 4) % 10
      zip.add("\(number)", Array(part), level: level, sizes: sizes[Int(mark & 7)])
      expected.append("input (\(number)): \(Array(part))")
    }
    return (zip.archive(comment: "packed", is64: mark & 16 != 0), expected)
  }

  /// All files, and the reason for the end.
  private static func unpack(_ archive: [UInt8], _ chunking: Chunking) -> [String] {
    var found: [String] = []
    do {
      let zip = ZipArchive(ByteChunks(archive, chunking))
      while let member = try zip.nextMember() { found.append("\(member.name): \(try member.all())") }
    } catch let failure as CommandFailure {
      mustHold(failure.exitStatus == .malformedInput, "\(failure) is malformed input")
      found.append(failure.message)
    } catch {
      mustHold(false, "\(error) is not a failure of a command")
    }
    return found
  }
}
