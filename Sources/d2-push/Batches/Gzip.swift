import CDeflate
import D2Client

/// Compresses a body as gzip, which DHIS2 recognises by its first bytes. It uses level 1: any level is faster than a
/// slow link, but a higher one costs more processor time.
enum Gzip {
  /// The body as gzip; `nil` if there is not enough memory.
  static func compressed(_ body: any HTTPBody) -> [UInt8]? {
    guard let compressor = libdeflate_alloc_compressor(1) else { return nil }
    defer { libdeflate_free_compressor(compressor) }
    let plain = body as? [UInt8] ?? body.firstBytes()
    // The bound is as large as the body, but the result usually is a tenth of it. Only the result stays in memory
    // during the request.
    let bound = libdeflate_gzip_compress_bound(compressor, plain.count)
    for size in [bound / 4, bound] {
      let room = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
      defer { room.deallocate() }
      let count = libdeflate_gzip_compress(compressor, plain, plain.count, room.baseAddress, size)
      if count > 0 { return Array(room[..<count]) }
    }
    return nil
  }
}

/// A body that was compressed before its turn to be sent.
struct CompressedBody: HTTPBody {
  let plain: [UInt8]
  let gzip: [UInt8]

  var count: Int { plain.count }

  func copy(from offset: Int, into room: UnsafeMutableRawBufferPointer) -> Int { plain.copy(from: offset, into: room) }
}
