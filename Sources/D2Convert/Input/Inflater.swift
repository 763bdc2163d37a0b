import CZlib

/// Inflates one stream after another.
final class Inflater {
  /// The format around the compressed data.
  enum Wrapper: Int32 {
    /// No format: the data is in a zip archive.
    case none = -15
    /// The header and checksum of gzip.
    case gzip = 31
  }

  /// The result of a step.
  struct Step {
    /// How many bytes of the input it consumed.
    let taken: Int
    /// How many bytes it wrote.
    let made: Int
    let state: State
  }

  enum State { case goesOn, ended, damaged }

  /// A pointer, because zlib identifies the stream by its address.
  private let stream: UnsafeMutablePointer<z_stream>

  init(_ wrapper: Wrapper) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let started = inflateInit2_(stream, wrapper.rawValue, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(started == Z_OK, "zlib could not be started")
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Begins a new stream.
  func reset() { inflateReset(stream) }

  /// Inflates more input, until the input or the space for the output is used up.
  func step(_ input: UnsafeMutablePointer<UInt8>, _ count: Int, into output: UnsafeMutableRawBufferPointer) -> Step {
    let room = min(output.count, Int(Int32.max))
    stream.pointee.next_in = input
    stream.pointee.avail_in = UInt32(count)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(room)
    let result = inflate(stream, Z_NO_FLUSH)
    let state: State =
      switch result {
      case Z_STREAM_END: .ended
      case Z_OK, Z_BUF_ERROR: .goesOn
      default: .damaged
      }
    return Step(
      taken: count - Int(stream.pointee.avail_in), made: room - Int(stream.pointee.avail_out), state: state)
  }
}
