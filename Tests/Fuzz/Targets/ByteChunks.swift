import D2Convert

/// A source that returns chunks one by one, or as much of a chunk as fits.
final class ByteChunks: ByteSource {
  let name = "input"
  private var chunks: [[UInt8]]
  private var next = 0
  private var taken = 0

  init(_ input: [UInt8], _ chunking: Chunking) { chunks = chunking.chunks(input) }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard next < chunks.count else { return 0 }
    let chunk = chunks[next][taken...].prefix(buffer.count)
    buffer.copyBytes(from: chunk)
    taken += chunk.count
    if taken == chunks[next].count { (next, taken) = (next + 1, 0) }
    return chunk.count
  }
}

extension ByteSource {
  /// All bytes of the source.
  func all() throws -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let got = try buffer.withUnsafeMutableBytes { try read(into: $0) }
      guard got > 0 else { return all }
      all += buffer[..<got]
    }
  }
}
