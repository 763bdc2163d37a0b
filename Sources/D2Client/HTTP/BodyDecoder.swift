/// What is wrong with a compressed body.
package enum GzipProblem: Error, Equatable, Sendable {
  /// It ends before its end.
  case endsEarly
  /// It is damaged.
  case corrupt
}

/// Inflates a body while it arrives, if its first bytes say that it is gzip; hands on all else as it is.
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
  /// The first byte inside the outer layer, if it may be the first mark of another.
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
