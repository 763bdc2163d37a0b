import CZlib
import D2Common

/// What is wrong with a compressed body.
package enum GzipProblem: Error, Equatable, Sendable {
  /// It ends before its end.
  case endsEarly
  /// It is damaged.
  case corrupt
}

/// Inflates a body while it arrives, where its first bytes say that it is gzip; hands on all else as it is.
///
/// Two layers may lie over each other: the file that `compression=gzip` makes (DHIS2 sets no Content-Encoding for it),
/// and a proxy's own Content-Encoding around it. Both are recognised by their first bytes, so that no header has to be
/// believed.
package struct BodyDecoder: ~Copyable {
  private static let windowBytes = 256 * 1024
  private static let deepestLayers = 2

  private enum Mode { case undecided, plain, gzip }
  private var mode = Mode.undecided
  private var held: [UInt8] = []
  private var layers: [GzipLayer] = []
  /// The first byte inside the outer layer, where it may be the first mark of another.
  private var heldInside: [UInt8] = []
  private var insideIsKnown = false

  package init() {}

  /// Takes a chunk as it came; `sink` gets decoded bytes, which it may change.
  package mutating func consume(
    _ chunk: UnsafeMutableRawBufferPointer, into sink: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    switch mode {
    case .plain: try sink(chunk)
    case .gzip: try inflate(layer: 0, chunk, into: sink)
    case .undecided:
      // The two marks of gzip may be cut apart.
      if held.isEmpty, let first = chunk.first, first != 0x1F {
        mode = .plain
        return try sink(chunk)
      }
      held += chunk
      guard held.count >= 2 else { return }
      mode = held[1] == 0x8B ? .gzip : .plain
      if mode == .gzip { layers.append(GzipLayer(window: Self.windowBytes)) }
      var start = held
      held = []
      try start.withUnsafeMutableBytes { try consume($0, into: sink) }
    }
  }

  /// The body has ended. - Throws: `GzipProblem.endsEarly` in the middle of a compressed member.
  package mutating func finish(into sink: (UnsafeMutableRawBufferPointer) throws -> Void) throws {
    guard layers.allSatisfy(\.isAtEnd) else { throw GzipProblem.endsEarly }
    for var start in [held, heldInside] where !start.isEmpty { try start.withUnsafeMutableBytes { try sink($0) } }
  }

  private mutating func inflate(
    layer: Int, _ chunk: UnsafeMutableRawBufferPointer, into sink: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    try layers[layer].inflate(chunk) { bytes in
      if layer + 1 < layers.count { return try inflate(layer: layer + 1, bytes, into: sink) }
      if insideIsKnown || layer + 1 == Self.deepestLayers { return try sink(bytes) }
      try begin(inside: layer, bytes, into: sink)
    }
  }

  /// The first bytes of what a layer holds: another layer, or the text. The two marks may be cut apart here too.
  private mutating func begin(
    inside layer: Int, _ bytes: UnsafeMutableRawBufferPointer, into sink: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    heldInside += bytes
    if heldInside == [0x1F] { return }
    insideIsKnown = true
    var start = heldInside
    heldInside = []
    let isLayer = start.starts(with: [0x1F, 0x8B])
    if isLayer { layers.append(GzipLayer(window: Self.windowBytes)) }
    try start.withUnsafeMutableBytes { bytes in
      if isLayer { try inflate(layer: layer + 1, bytes, into: sink) } else { try sink(bytes) }
    }
  }
}

/// One layer of gzip, several members of which may follow each other.
private final class GzipLayer {
  private var stream = z_stream()
  private let window: UnsafeMutableRawBufferPointer
  private var memberEnded = true
  private var begun = false
  /// Zeros came behind a member: nothing but zeros may follow.
  private var isPadding = false

  var isAtEnd: Bool { memberEnded && begun }

  init(window bytes: Int) {
    window = .allocate(byteCount: bytes, alignment: 64)
    // 15 bits of window, 16 more for the gzip wrapper.
    let started = inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(started == Z_OK, "zlib could not be started")
  }

  deinit {
    inflateEnd(&stream)
    window.deallocate()
  }

  func inflate(_ chunk: UnsafeMutableRawBufferPointer, into sink: (UnsafeMutableRawBufferPointer) throws -> Void) throws
  {
    stream.next_in = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.avail_in = UInt32(chunk.count)
    while stream.avail_in > 0 {
      if memberEnded {
        // Behind a member only another may follow, or padding of zeros.
        if begun {
          if isPadding || stream.next_in.pointee == 0 { return try skipPadding() }
          inflateReset(&stream)
        }
        begun = true
        memberEnded = false
      }
      var result = Z_OK
      repeat {
        stream.next_out = window.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(window.count)
        result = CZlib.inflate(&stream, Z_NO_FLUSH)
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { throw GzipProblem.corrupt }
        let produced = window.count - Int(stream.avail_out)
        if produced > 0 { try sink(UnsafeMutableRawBufferPointer(rebasing: window[..<produced])) }
      } while result == Z_OK && stream.avail_out == 0
      if result == Z_STREAM_END { memberEnded = true }
      if result == Z_BUF_ERROR { return }
    }
  }

  /// The rest of the chunk lies behind the last member.
  private func skipPadding() throws {
    isPadding = true
    let rest = UnsafeBufferPointer(start: stream.next_in, count: Int(stream.avail_in))
    guard rest.allSatisfy({ $0 == 0 }) else { throw GzipProblem.corrupt }
  }
}
