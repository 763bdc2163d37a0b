/// The problems of a compressed body.
package enum GzipProblem: Error, Equatable, Sendable {
  /// It is truncated.
  case endsEarly
  /// It is damaged.
  case corrupt
}

/// Inflates a body while it arrives, if its first bytes are those of gzip. It passes on everything else unchanged.
///
/// There may be two layers: the file that `compression=gzip` makes (DHIS2 sets no Content-Encoding for it), and a
/// proxy's own Content-Encoding around it. It recognises both by their first bytes, and does not rely on a header.
package struct BodyDecoder: ~Copyable {
  private static let windowBytes = 256 * 1024
  private static let deepestLayers = 2

  private enum Mode { case undecided, plain, gzip }
  private var mode = Mode.undecided
  private var held: [UInt8] = []
  private var layers: [GzipLayer] = []
  /// The first byte inside the outer layer, if it may begin another layer's signature.
  private var heldInside: [UInt8] = []
  private var insideIsKnown = false

  package init() {}

  /// Decodes a chunk. `sink` gets decoded bytes, which it may change.
  package mutating func consume(
    _ chunk: UnsafeMutableRawBufferPointer, into sink: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    switch mode {
    case .plain: try sink(chunk)
    case .gzip: try inflate(layer: 0, chunk, into: sink)
    case .undecided:
      // The two bytes of gzip's signature may be in different chunks.
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

  /// Ends the body. - Throws: `GzipProblem.endsEarly` in the middle of a compressed member.
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

  /// Checks the first bytes inside a layer: another layer, or the text. The two bytes of the signature may be in
  /// different chunks here too.
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
