/// A destination of whole lines.
package protocol LineSink {
  /// Writes one piece of output: `carried` first, then `lines`, then a line end if it is missing.
  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) throws
}
