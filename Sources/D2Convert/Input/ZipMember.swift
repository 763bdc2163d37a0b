import CZlib
import D2Common
import Glibc

/// The content of a file in a zip archive. Its checksum and sizes are verified at its end.
final class ZipMember: ByteSource {
  private static let skippedAtOnce = 64 << 10

  let name: String
  private let block: InputBlock
  private let entry: ZipEntry
  private let inflater: Inflater
  private var packedBytes = 0
  private var bytes = 0
  private var checksum = crc32(0, nil, 0)
  /// Whether all the data was unpacked.
  private var isUnpacked = false
  private var isAtEnd = false

  /// - Parameter inflater: reserved for this member until it was read to its end.
  init(_ entry: ZipEntry, _ block: InputBlock, _ inflater: Inflater) {
    self.entry = entry
    self.block = block
    self.inflater = inflater
    name = "\(block.name) (\(entry.path))"
    inflater.reset()
  }

  /// - Throws: `CommandFailure`: 65 if it is cut off or damaged; errors of the archive's source.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if isAtEnd { return 0 }
    let got = try entry.packing == .stored ? copy(into: buffer) : inflate(into: buffer)
    guard got > 0 else {
      try checkEnd()
      isAtEnd = true
      return 0
    }
    bytes += got
    checksum = crc32_z(checksum, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), got)
    return got
  }

  /// Skips the rest of the member.
  func skip() throws {
    guard !isAtEnd else { return }
    try withUnsafeTemporaryAllocation(byteCount: Self.skippedAtOnce, alignment: 16) { buffer in
      while try read(into: buffer) > 0 {}
    }
  }

  private func copy(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let left = entry.packedBytes - packedBytes
    guard left > 0 else { return 0 }
    let got = try block.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(left, buffer.count)]))
    guard got > 0 else { throw ZipEntry.endsEarly(block) }
    packedBytes += got
    return got
  }

  private func inflate(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while !isUnpacked {
      let left = entry.hasDescriptor ? .max : entry.packedBytes - packedBytes
      let step = inflater.step(block.start, min(block.count, left), into: buffer)
      block.advance(by: step.taken)
      packedBytes += step.taken
      if step.state == .damaged { throw damaged("its compressed data makes no sense") }
      isUnpacked = step.state == .ended
      if step.made > 0 { return step.made }
      if !isUnpacked, step.taken == 0 {
        guard left > 0 else { throw damaged("its compressed data has no end") }
        guard try block.fill() else { throw ZipEntry.endsEarly(block) }
      }
    }
    return 0
  }

  private func checkEnd() throws {
    if entry.hasDescriptor { return try readDescriptor() }
    guard packedBytes == entry.packedBytes, bytes == entry.bytes else { throw damaged("its size is wrong") }
    guard UInt64(checksum) == entry.checksum else { throw damaged("its checksum is wrong") }
  }

  private func damaged(_ problem: String) -> CommandFailure {
    .malformed(name, nil, "the zip archive is damaged: \(problem)")
  }

  // MARK: The descriptor after the data

  /// Reads the descriptor. It need not begin with its signature, and its sizes may have four or eight bytes. So this
  /// chooses the form that fits the data and that another record follows.
  private func readDescriptor() throws {
    // At least a directory follows the longest descriptor, even an empty one.
    let isWhole = try block.has(24 + 2)
    let fitting = [(true, 4), (true, 8), (false, 4), (false, 8)].compactMap { length(signed: $0, sizeBytes: $1) }
    guard let length = fitting.first(where: isFollowed) ?? fitting.first else {
      throw isWhole ? damaged("its checksum or its size is wrong") : ZipEntry.endsEarly(block)
    }
    block.advance(by: length)
  }

  private func length(signed: Bool, sizeBytes: Int) -> Int? {
    let at = signed ? 4 : 0
    let length = at + 4 + 2 * sizeBytes
    let mask: UInt64 = sizeBytes == 4 ? 0xFFFF_FFFF : .max
    guard block.count >= length, !signed || block.number(at: 0, bytes: 4) == ZipEntry.Signature.descriptor,
      block.number(at: at, bytes: 4) == UInt64(checksum),
      block.number(at: at + 4, bytes: sizeBytes) == UInt64(packedBytes) & mask,
      block.number(at: at + 4 + sizeBytes, bytes: sizeBytes) == UInt64(bytes) & mask
    else { return nil }
    return length
  }

  /// Whether another record follows. Each one begins with these letters.
  private func isFollowed(_ length: Int) -> Bool {
    block.count >= length + 2 && block[length] == UInt8(ascii: "P") && block[length + 1] == UInt8(ascii: "K")
  }
}
