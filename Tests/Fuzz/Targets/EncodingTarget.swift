import D2Common
import D2Convert

extension FuzzTarget {
  /// The decoder agrees with Swift, or fails at one place, whatever the chunks. The first byte of the input selects the
  /// encoding.
  static let encoding = FuzzTarget(name: "encoding") { input in
    guard let mark = input.first else { return }
    let names = [nil, "utf-16le", "utf-16be", "iso-8859-1", "utf-8", "windows-1252", "shift-jis", "iso-2022-jp"]
    let name = names[Int(mark) % names.count]
    let text = Array(input.dropFirst())
    let expected = decode(text, name, .whole)
    for chunking in Chunking.allCases where chunking != .whole {
      let found = decode(text, name, chunking)
      mustHold(found == expected, "\(found) in \(chunking) is \(expected)")
    }
    if case .success(let bytes) = expected, !text.elementsEqual(bytes), !isMarked(text) {
      mustHold(String(validating: bytes, as: UTF8.self) != nil, "what was decoded is UTF-8: \(bytes) of \(text)")
    }
    if let name { checkAgainstSwift(text, name, expected) }
  }

  /// Whether a byte order mark says UTF-8. Then the text stays as it is, and its reader checks it.
  private static func isMarked(_ text: [UInt8]) -> Bool { text.starts(with: [0xEF, 0xBB, 0xBF]) }

  /// Compares with Swift, for encodings that it knows. A byte order mark takes precedence over a name.
  private static func checkAgainstSwift(
    _ text: [UInt8], _ name: String, _ found: Result<[UInt8], EncodingFault>
  ) {
    let marks: [[UInt8]] = [[0xFF, 0xFE], [0xFE, 0xFF], [0, 0, 0xFE, 0xFF]]
    guard !isMarked(text), !marks.contains(where: text.starts(with:)) else { return }
    switch name {
    case "iso-8859-1":
      let expected = text.flatMap { Array(String(Unicode.Scalar($0)).utf8) }
      mustHold(found == .success(expected), "\(found) is \(expected)")
    case "utf-16le", "utf-16be":
      let isLittle = name == "utf-16le"
      let units = stride(from: 0, to: text.count & ~1, by: 2).map { at in
        UInt16(text[at]) << (isLittle ? 0 : 8) | UInt16(text[at + 1]) << (isLittle ? 8 : 0)
      }
      let expected = text.count % 2 == 0 ? String(validating: units, as: UTF16.self) : nil
      mustHold((try? found.get()) == expected.map { Array($0.utf8) }, "\(found) is \(expected ?? "malformed")")
    default: break
    }
  }

  private static func decode(
    _ text: [UInt8], _ name: String?, _ chunking: Chunking
  ) -> Result<[UInt8], EncodingFault> {
    do {
      return .success(try EncodedSource(ByteChunks(text, chunking), encoding: name).all())
    } catch let failure as CommandFailure {
      mustHold(failure.exitStatus == .malformedInput, "\(failure) is malformed input")
      return .failure(EncodingFault(message: failure.message))
    } catch {
      fatalError("no failure of a command: \(error)")
    }
  }
}

/// Why decoding failed.
private struct EncodingFault: Error, Equatable {
  let message: String
}
