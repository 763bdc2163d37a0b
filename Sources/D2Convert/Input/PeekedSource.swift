/// A source whose first bytes can be looked at before they are read.
final class PeekedSource: ByteSource {
  private let inner: any ByteSource
  private var held: [UInt8] = []
  private var isAtEnd = false

  init(_ inner: any ByteSource) { self.inner = inner }

  var name: String { inner.name }

  /// Whether the next bytes are these.
  func begins(with marks: [UInt8]) throws -> Bool {
    var block = [UInt8](repeating: 0, count: 4096)
    while held.count < marks.count, !isAtEnd {
      let got = try block.withUnsafeMutableBytes { try inner.read(into: $0) }
      held += block[..<got]
      isAtEnd = got == 0
    }
    return held.starts(with: marks)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard !held.isEmpty else { return isAtEnd ? 0 : try inner.read(into: buffer) }
    let count = min(held.count, buffer.count)
    buffer.copyBytes(from: held[..<count])
    held.removeFirst(count)
    return count
  }
}
