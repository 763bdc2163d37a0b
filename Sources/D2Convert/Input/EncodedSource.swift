import D2Common
import Glibc

/// A text as UTF-8. It decodes the encoding that the user names, or the one of the byte order mark. Otherwise the bytes
/// stay as they are.
public final class EncodedSource: ByteSource {
  /// How many bytes to check for a 0 in every second one.
  private static let shownBytes = 16

  private let block: InputBlock
  /// The encoding that the user named.
  private let named: String?
  /// The decoder; `nil` if the text is UTF-8.
  private var decoder: Decoder?
  /// The name of the encoding, for messages.
  private var encoding = ""
  private var isKnown = false
  private var isAtEnd = false
  /// The place in the text of the next byte.
  private var place = Place(line: 1, column: 1)

  /// - Parameters:
  ///   - encoding: the name of the encoding, if the user gives it. A byte order mark takes precedence.
  /// - Throws: `CommandFailure`, 64 for an unknown encoding.
  public init(_ source: any ByteSource, encoding: String? = nil) throws {
    block = InputBlock(source)
    named = encoding
    guard let encoding else { return }
    decoder = Decoder(encoding)
    guard decoder != nil else {
      throw CommandFailure(
        .usage,
        "--encoding: unknown encoding \(encoding.quoted): write windows-1252, iso-8859-15, cp850, utf-16 or another "
          + "name that iconv -l lists")
    }
  }

  /// The name of its source.
  public var name: String { block.name }

  /// Whether a byte order mark or the user determined the encoding. It is known after the first read.
  public private(set) var isCertain = false

  /// The message if bytes are not UTF-8 and the user named no encoding.
  public static let notUTF8 = "this is not UTF-8: if Excel saved it, say --encoding windows-1252"

  /// - Throws: `CommandFailure`: 65 if bytes are invalid in the encoding; errors of the source.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if !isKnown { try recognise() }
    guard let decoder else { return try block.read(into: buffer) }
    while !isAtEnd {
      let got = try decode(decoder, into: buffer)
      if got > 0 { return got }
    }
    return 0
  }

  // MARK: Recognising

  private func recognise() throws {
    isKnown = true
    _ = try block.has(Self.shownBytes)
    if let (marked, length) = try mark() {
      block.advance(by: length)
      isCertain = true
      decode(marked)
    } else if let named {
      isCertain = true
      encoding = named
    } else if let guessed = pattern() {
      isCertain = true
      decode(guessed)
    }
  }

  private func decode(_ encoding: String) {
    self.encoding = encoding
    // The output is UTF-8, and its reader checks it.
    decoder = encoding == "UTF-8" ? nil : Decoder(encoding)
  }

  private func mark() throws -> (encoding: String, length: Int)? {
    if try block.begins(with: [0xEF, 0xBB, 0xBF]) { return ("UTF-8", 3) }
    if try block.begins(with: [0xFF, 0xFE, 0, 0]) { return ("UTF-32LE", 4) }
    if try block.begins(with: [0, 0, 0xFE, 0xFF]) { return ("UTF-32BE", 4) }
    if try block.begins(with: [0xFF, 0xFE]) { return ("UTF-16LE", 2) }
    if try block.begins(with: [0xFE, 0xFF]) { return ("UTF-16BE", 2) }
    return nil
  }

  /// Detects UTF-16 without a mark: a text that begins with ASCII has a zero in each pair of bytes.
  private func pattern() -> String? {
    let pairs = min(block.count, Self.shownBytes) / 2
    guard pairs > 0 else { return nil }
    if (0..<pairs).allSatisfy({ block[2 * $0] != 0 && block[2 * $0 + 1] == 0 }) { return "UTF-16LE" }
    if (0..<pairs).allSatisfy({ block[2 * $0] == 0 && block[2 * $0 + 1] != 0 }) { return "UTF-16BE" }
    return nil
  }

  // MARK: Decoding

  /// Decodes as much as it can at once. Returns 0 if more must be read first, or at the end.
  private func decode(_ decoder: Decoder, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var input = UnsafeMutableRawBufferPointer(start: block.start, count: block.count)
    var output = buffer
    let stop = decoder.step(&input, into: &output)
    block.advance(by: block.count - input.count)
    var got = buffer.count - output.count
    if got == 0 {
      switch stop {
      case .invalid: throw try invalid()
      case .room, .input, .incomplete:
        if try !block.fill() {
          guard block.count == 0 else {
            throw CommandFailure.malformed(name, place, "the text ends within a character of \(encoding)")
          }
          isAtEnd = true
          decoder.finish(into: &output)
          got = buffer.count - output.count
        }
      }
    }
    note(UnsafeMutableRawBufferPointer(rebasing: buffer[..<got]))
    return got
  }

  private func invalid() throws -> CommandFailure {
    _ = try block.has(2)
    let bytes = (0..<min(block.count, 2)).map { String(block[$0] >> 4, radix: 16) + String(block[$0] & 15, radix: 16) }
    return .malformed(
      name, place,
      "this is not \(encoding): none of its characters begins with the bytes \(bytes.joined(separator: " "))")
  }

  /// Moves the place past a text.
  private func note(_ text: UnsafeMutableRawBufferPointer) {
    var at = 0
    while at < text.count, let found = memchr(text.baseAddress! + at, 0x0A, text.count - at) {
      at = found - text.baseAddress! + 1
      place = Place(line: place.line + 1, column: 1)
    }
    place.column += text.count - at
  }
}
