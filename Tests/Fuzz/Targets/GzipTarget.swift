import CZlib
import D2Client
import D2Common
import TestSupport

extension FuzzTarget {
  /// The decoder agrees with a naive reader of the whole body, whatever the chunks. Random bytes are almost never gzip.
  /// So the first byte of the input selects how to pack the others: not at all, in one layer or two, in two members
  /// with a tail.
  static let gzip = FuzzTarget(name: "gzip") { input in
    guard let mark = input.first else { return }
    let body = packed(Array(input.dropFirst()), as: mark)
    let expected = NaiveGunzip.decode(body)
    for chunking in Chunking.allCases {
      let decoded = decode(body, chunking)
      switch (expected, decoded) {
      case (.success(let expected), .success(let decoded)): mustHold(expected == decoded, "the text, in \(chunking)")
      // The chunks decide which of two faults is found first.
      case (.failure, .failure): break
      default: mustHold(false, "\(decoded) is \(expected), in \(chunking)")
      }
    }
  }

  private static func packed(_ bytes: [UInt8], as mark: UInt8) -> [UInt8] {
    let level = Int32(mark >> 4) % 10
    switch mark & 0x0F {
    case 0: return TestSupport.gzip(bytes, level: level)
    case 1: return TestSupport.gzip(TestSupport.gzip(bytes, level: level), level: level)
    case 2...5:
      // The input defines the bytes between two members, or after the last one.
      let cut = bytes.count * Int(mark & 0x0F) / 6
      let members = TestSupport.gzip(Array(bytes[..<cut]), level: level)
      return mark & 1 == 0 ? members + bytes[cut...] : members + TestSupport.gzip(Array(bytes[cut...]), level: level)
    case 6:
      let whole = TestSupport.gzip(bytes, level: level)
      return Array(whole.prefix(whole.count * Int(level) / 10))
    default: return bytes
    }
  }

  private static func decode(_ body: [UInt8], _ chunking: Chunking) -> Result<[UInt8], GzipProblem> {
    var decoder = BodyDecoder()
    var output: [UInt8] = []
    do {
      for var chunk in chunking.chunks(body) {
        try chunk.withUnsafeMutableBytes { try decoder.consume($0) { output += $0 } }
      }
      try decoder.finish { output += $0 }
      return .success(output)
    } catch let problem as GzipProblem {
      return .failure(problem)
    } catch {
      fatalError("not a problem of gzip: \(error)")
    }
  }
}

/// Unpacks a whole body at once, layer by layer.
private enum NaiveGunzip {
  static func decode(_ body: [UInt8]) -> Result<[UInt8], GzipProblem> {
    var text = body
    for _ in 0..<2 where text.starts(with: [0x1F, 0x8B]) {
      switch layer(text) {
      case .success(let inner): text = inner
      case .failure(let problem): return .failure(problem)
      }
    }
    return .success(text)
  }

  /// Reads members, and then only zeros.
  private static func layer(_ body: [UInt8]) -> Result<[UInt8], GzipProblem> {
    var text: [UInt8] = []
    var rest = body[...]
    while let first = rest.first {
      if first == 0 { return rest.allSatisfy { $0 == 0 } ? .success(text) : .failure(.corrupt) }
      switch member(Array(rest)) {
      case .success(let (inner, length)):
        text += inner
        rest = rest.dropFirst(length)
      case .failure(let problem): return .failure(problem)
      }
    }
    return .success(text)
  }

  private static func member(_ bytes: [UInt8]) -> Result<(text: [UInt8], length: Int), GzipProblem> {
    var stream = z_stream()
    guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      fatalError("zlib could not be started")
    }
    defer { inflateEnd(&stream) }
    var input = bytes
    return input.withUnsafeMutableBufferPointer { input in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      var text: [UInt8] = []
      var window = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let result = window.withUnsafeMutableBufferPointer { window in
          stream.next_out = window.baseAddress
          stream.avail_out = UInt32(window.count)
          return inflate(&stream, Z_NO_FLUSH)
        }
        text += window[..<(window.count - Int(stream.avail_out))]
        switch result {
        case Z_STREAM_END: return .success((text, input.count - Int(stream.avail_in)))
        case Z_OK: continue
        case Z_BUF_ERROR: return .failure(.endsEarly)
        default: return .failure(.corrupt)
        }
      }
    }
  }
}
