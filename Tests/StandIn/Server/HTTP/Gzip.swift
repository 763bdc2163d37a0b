import CZlib

/// Gzip files, for bodies of imports and of exports with `compression=gzip`.
enum Gzip {
  static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.count > 2 && bytes[0] == 0x1F && bytes[1] == 0x8B }

  /// Why a body could not be inflated.
  struct Damaged: Error {
    /// Java's message.
    let message: String
  }

  /// The content of a gzip file.
  static func inflated(_ bytes: [UInt8]) throws(Damaged) -> [UInt8] {
    var stream = z_stream()
    guard inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw Damaged(message: "no memory")
    }
    defer { inflateEnd(&stream) }
    var out: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 262_144)
    var input = bytes
    let result = input.withUnsafeMutableBufferPointer { source -> Int32 in
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
        if code != Z_OK { return code }
        if made == 0, stream.avail_in == 0 { return Z_BUF_ERROR }
      }
    }
    guard result == Z_STREAM_END else {
      throw Damaged(message: result == Z_BUF_ERROR ? "Unexpected end of ZLIB input stream" : "invalid compressed data")
    }
    return out
  }
}

/// Compresses a stream into a gzip file, piece by piece.
final class GzipWriter {
  private let stream: UnsafeMutablePointer<z_stream>
  private var piece = [UInt8](repeating: 0, count: 65_536)

  init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    deflateInit2_(
      stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  func compress(_ bytes: [UInt8], last: Bool = false) -> [UInt8] {
    var out: [UInt8] = []
    var input = bytes
    input.withUnsafeMutableBufferPointer { source in
      stream.pointee.next_in = source.baseAddress
      stream.pointee.avail_in = UInt32(source.count)
      var full = true
      while full {
        let made = piece.withUnsafeMutableBufferPointer { target -> Int in
          stream.pointee.next_out = target.baseAddress
          stream.pointee.avail_out = UInt32(target.count)
          deflate(stream, last ? Z_FINISH : Z_NO_FLUSH)
          return target.count - Int(stream.pointee.avail_out)
        }
        out += piece.prefix(made)
        full = made == piece.count
      }
    }
    return out
  }
}
