import CIconv
import Glibc

/// Converts an encoding to UTF-8 with iconv.
final class Decoder {
  /// Why a step ended.
  enum Stop { case room, input, incomplete, invalid }

  private let handle: iconv_t

  /// `nil` if iconv does not know the encoding.
  ///
  /// - Parameter target: the encoding to convert to; UTF-8 by default.
  init?(_ encoding: String, to target: String = "UTF-8") {
    // For iconv, an empty name means the locale's encoding, and options follow a slash.
    guard !encoding.isEmpty, !encoding.contains("/"), !encoding.contains("\0") else { return nil }
    let opened = iconv_open(target, encoding)
    guard let opened, opened != iconv_t(bitPattern: -1) else { return nil }
    handle = opened
  }

  deinit { iconv_close(handle) }

  /// Converts more input. Afterwards both buffers contain only their unused parts.
  func step(_ input: inout UnsafeMutableRawBufferPointer, into output: inout UnsafeMutableRawBufferPointer) -> Stop {
    var from = input.baseAddress?.assumingMemoryBound(to: CChar.self)
    var to = output.baseAddress?.assumingMemoryBound(to: CChar.self)
    var (left, room) = (input.count, output.count)
    let result = iconv(handle, &from, &left, &to, &room)
    let problem = errno
    input = UnsafeMutableRawBufferPointer(rebasing: input[(input.count - left)...])
    output = UnsafeMutableRawBufferPointer(rebasing: output[(output.count - room)...])
    if result != -1 { return .input }
    switch problem {
    case E2BIG: return .room
    case EINVAL: return .incomplete
    default: return .invalid
    }
  }

  /// Writes the bytes that an encoding with states holds back at its end.
  func finish(into output: inout UnsafeMutableRawBufferPointer) {
    var to = output.baseAddress?.assumingMemoryBound(to: CChar.self)
    var room = output.count
    _ = iconv(handle, nil, nil, &to, &room)
    output = UnsafeMutableRawBufferPointer(rebasing: output[(output.count - room)...])
  }

  /// The meaning of each single byte; `nil` if some byte begins a longer sequence, or its meaning depends on other
  /// bytes.
  static func table(of encoding: String) -> [Int32]? {
    guard let decoder = Decoder(encoding, to: "UTF-32LE") else { return nil }
    var table: [Int32] = []
    for byte in UInt8.min...UInt8.max {
      var (source, character) = (byte, UInt32(0))
      let stop = withUnsafeMutableBytes(of: &source) { source in
        withUnsafeMutableBytes(of: &character) { character in
          var (input, output) = (source, character)
          let stop = decoder.step(&input, into: &output)
          return output.isEmpty || stop != .input ? stop : .incomplete
        }
      }
      switch stop {
      case .input: table.append(Int32(bitPattern: character))
      case .invalid: table.append(-1)
      case .room, .incomplete: return nil
      }
    }
    return table
  }
}
