import D2Common

/// Keeps everything that it gets.
package struct CollectingSink: LineSink {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func write(
    _ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool
  ) {
    bytes += carried
    bytes += lines
    if lineEndMissing { bytes.append(0x0A) }
  }

  package var lines: [String] { String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init) }
}
