import D2Common
import TestSupport
import Testing

@testable import D2Convert

@Suite("EncodedSource")
struct EncodedSourceTests {
  private static let text = "orgunit;valeur\nHôpital de Ségou;12\n\"Łódź 😀\";3\n"
  private static let latin = "orgunit;valeur\nHôpital de Ségou;12\n"

  private static func decode(_ bytes: [UInt8], _ encoding: String? = nil, most: Int = .max) throws -> String {
    let source = try EncodedSource(BytesSource(bytes, name: "sheet.csv", most: most), encoding: encoding)
    return String(decoding: try source.all(room: 4096), as: UTF8.self)
  }

  private static func utf16(_ text: String, isLittle: Bool) -> [UInt8] {
    text.utf16.flatMap { unit in
      let (low, high) = (UInt8(truncatingIfNeeded: unit), UInt8(unit >> 8))
      return isLittle ? [low, high] : [high, low]
    }
  }

  @Test("what has a mark is decoded by it, also if something else was named", arguments: [1, 2, 3, 1000])
  func marks(most: Int) throws {
    for named in [nil, "windows-1252", "utf-16"] {
      #expect(try Self.decode([0xEF, 0xBB, 0xBF] + Self.text.utf8, named, most: most) == Self.text)
      #expect(try Self.decode([0xFF, 0xFE] + Self.utf16(Self.text, isLittle: true), named, most: most) == Self.text)
      #expect(try Self.decode([0xFE, 0xFF] + Self.utf16(Self.text, isLittle: false), named, most: most) == Self.text)
    }
    let utf32 = Self.text.unicodeScalars.flatMap { scalar in
      (0..<4).map { UInt8(truncatingIfNeeded: scalar.value >> (8 * $0)) }
    }
    #expect(try Self.decode([0xFF, 0xFE, 0, 0] + utf32, most: most) == Self.text)
  }

  @Test("UTF-16 without a mark is known by its zeros; all else is as it is")
  func withoutMark() throws {
    for most in [1, 7, 1000] {
      #expect(try Self.decode(Self.utf16(Self.text, isLittle: true), most: most) == Self.text)
      #expect(try Self.decode(Self.utf16(Self.text, isLittle: false), most: most) == Self.text)
      #expect(try Self.decode(Array(Self.text.utf8), most: most) == Self.text)
    }
    #expect(try Self.decode([]) == "")
    #expect(try Self.decode([0xEF, 0xBB, 0xBF]) == "")
    #expect(try Self.decode([0xFF, 0xFE]) == "")
    #expect(try Self.decode([0xEF, 0xBB]) == String(decoding: [0xEF, 0xBB], as: UTF8.self))
    #expect(try Self.decode([0]) == "\0")
    // Readers check whether bytes are UTF-8; here invalid ones pass.
    let source = try EncodedSource(BytesSource([0x48, 0xF4, 0x70]))
    #expect(try source.all() == [0x48, 0xF4, 0x70])
    #expect(!source.isCertain)
  }

  @Test("what was named is decoded, long texts too", arguments: ["windows-1252", "ISO-8859-1", "latin1", "cp1252"])
  func named(encoding: String) throws {
    let bytes = Self.latin.unicodeScalars.map { UInt8($0.value) }
    for times in [1, 3000] {
      let all = Array(repeatElement(bytes, count: times).joined())
      for most in [1, 5000, Int.max] where times == 1 || most > 1 {
        let found = try Self.decode(all, encoding, most: most)
        #expect(firstDifference(found.utf8, from: String(repeating: Self.latin, count: times).utf8) == nil)
      }
    }
    let source = try EncodedSource(BytesSource(bytes), encoding: encoding)
    #expect(try source.all().isEmpty == false && source.isCertain)
  }

  @Test("long UTF-16 in pieces of any size is what it was", arguments: 0..<6 as Range<UInt64>)
  func long(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let text = String((0..<20_000).map { _ in "a\né€😀\"".randomElement(using: &random)! })
    let bytes = [0xFF, 0xFE] + Self.utf16(text, isLittle: true)
    let found = try Self.decode(bytes, most: Int.random(in: 1...9000, using: &random))
    #expect(firstDifference(found.utf8, from: text.utf8) == nil)
  }

  @Test("bytes that mean nothing are malformed, by line and column of the text")
  func invalid() {
    func problem(_ bytes: [UInt8], _ encoding: String? = nil, most: Int) -> String {
      failure { _ = try Self.decode(bytes, encoding, most: most) }
    }
    for most in [1, 3, 1000] {
      #expect(
        problem(Array("a\nb;".utf8) + [0x81, 0x3B], "windows-1252", most: most)
          == "65 sheet.csv: line 2, column 3: this is not windows-1252: none of its characters begins with the bytes "
          + "81 3b", "in pieces of \(most)")
    }
    let half = Self.utf16("é\né", isLittle: true) + [0x00, 0xDC, 0x41, 0x00]
    #expect(
      problem([0xFF, 0xFE] + half, most: 2)
        == "65 sheet.csv: line 2, column 3: this is not UTF-16LE: none of its characters begins with the bytes 00 dc")
    #expect(
      problem([0xFF, 0xFE, 0x41, 0x00, 0x42], most: 1)
        == "65 sheet.csv: line 1, column 2: the text ends within a character of UTF-16LE")
  }

  @Test("an unknown encoding is a wrong command line", arguments: ["", "klingon", "utf-8//IGNORE"])
  func unknown(encoding: String) {
    #expect(
      failure { _ = try EncodedSource(BytesSource([]), encoding: encoding) }
        == "64 --encoding: unknown encoding \"\(encoding)\": write windows-1252, iso-8859-15, cp850, utf-16 or another "
        + "name that iconv -l lists")
  }

  @Test("what each byte of an encoding means is known where that depends on nothing else")
  func table() throws {
    let table = try #require(Decoder.table(of: "windows-1252"))
    #expect(table.count == 256)
    #expect(Array(table[..<0x80]) == (0..<0x80).map { Int32($0) })
    #expect(table[0x80] == 0x20AC)
    #expect(table[0x81] == -1)
    #expect(table[0xE9] == 0xE9)
    #expect(Decoder.table(of: "shift-jis") == nil)
    #expect(Decoder.table(of: "klingon") == nil)
  }
}
