import CZlib

/// Zip archives, as far as imports need them: the first entry.
enum Zip {
  static func isZip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) }

  /// The content of the first entry; `nil` if it is damaged.
  static func firstEntry(_ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.count > 30 else { return nil }
    func short(_ at: Int) -> Int { Int(bytes[at]) | Int(bytes[at + 1]) << 8 }
    let start = 30 + short(26) + short(28)
    guard start < bytes.count else { return nil }
    let size = short(18) | short(20) << 16
    // Stored, or deflated without a header.
    if short(8) == 0 { return Array(bytes[start..<min(bytes.count, start + size)]) }
    return inflated(Array(bytes[start...]))
  }

  private static func inflated(_ bytes: [UInt8]) -> [UInt8]? {
    var stream = z_stream()
    guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var out: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    var input = bytes
    return input.withUnsafeMutableBufferPointer { source in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      while true {
        let (code, made) = piece.withUnsafeMutableBufferPointer { target -> (Int32, Int) in
          stream.next_out = target.baseAddress
          stream.avail_out = UInt32(target.count)
          let code = inflate(&stream, Z_NO_FLUSH)
          return (code, target.count - Int(stream.avail_out))
        }
        out += piece.prefix(made)
        if code == Z_STREAM_END { return out }
        if code != Z_OK || (made == 0 && stream.avail_in == 0) { return nil }
      }
    }
  }
}
