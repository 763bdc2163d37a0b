import D2Common
import TestSupport
import Testing

@testable import D2Convert

@Suite("Texts in JSON strings")
struct TextBytesTests {
  private static func escaped(_ text: String) -> [UInt8] {
    var out = ByteArray()
    var text = text
    text.withUTF8 { TextBytes.appendJSON(UnsafeRawBufferPointer($0), to: &out) }
    return Array(out.bytes)
  }

  private static func decoded(_ string: String) -> String? {
    var out = ByteArray()
    var string = string
    let isText = string.withUTF8 { TextBytes.appendDecoded(UnsafeRawBufferPointer($0), to: &out) }
    return isText ? String(decoding: out.bytes, as: UTF8.self) : nil
  }

  @Test("every text is the same when it was escaped and decoded, and JSON's reader agrees", arguments: 0..<100)
  func property(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let scalars = (0..<40).map { _ in
      Unicode.Scalar(UInt32.random(in: 0...0x2FF, using: &random)) ?? Unicode.Scalar(0x1F600)!
    }
    let text = String(String.UnicodeScalarView(scalars + [Unicode.Scalar(0x1F600)!]))
    let escaped = Self.escaped(text)
    #expect(Self.decoded(String(decoding: escaped, as: UTF8.self)) == text)
    let quoted = [UInt8(ascii: "\"")] + escaped + [UInt8(ascii: "\"")]
    #expect(try JSONValue(parsing: quoted).string == text)
  }

  @Test("escapes of every kind; half of a pair of surrogates is not a text")
  func escapes() {
    #expect(Self.decoded(#"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"#) == "\"\\/\u{8}\u{C}\n\r\té😀")
    #expect(Self.decoded(#"\uD83D"#) == nil)
    #expect(Self.decoded(#"\uDE00"#) == nil)
    #expect(Self.decoded(#"\uD83Dx\uDE00"#) == nil)
  }
}
