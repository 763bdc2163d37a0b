import D2Common
import TestSupport
import Testing

@testable import D2Convert

@Suite("ZipArchive")
struct ZipArchiveTests {
  private static let text = Array("dataelement,period,orgunit,value\nf7n9E0hX8qk,202401,DiszpKrYNg8,1\n".utf8)

  private static func members(_ archive: [UInt8], most: Int = .max) throws -> [String: [UInt8]] {
    let zip = ZipArchive(BytesSource(archive, name: "export.zip", most: most))
    var members: [String: [UInt8]] = [:]
    while let member = try zip.nextMember() { members[member.name] = try member.all() }
    #expect(try zip.nextMember() == nil, "the end stays the end")
    return members
  }

  private static func archive(_ sizes: ZipBuilder.Sizes = .before) -> [UInt8] {
    var zip = ZipBuilder()
    zip.add("values.csv", text, sizes: sizes)
    return zip.archive()
  }

  private static func problem(_ archive: [UInt8]) -> String { failure { _ = try members(archive) } }

  @Test("reads files that are deflated or stored, with their sizes anywhere, in whatever pieces they come")
  func all() throws {
    let long = GzipSourceTests.text(1, 500_000)
    for sizes in ZipBuilder.Sizes.allCases {
      var zip = ZipBuilder()
      zip.add("folder/", [], level: nil)
      zip.add("folder/a.csv", Self.text, sizes: sizes)
      zip.add("__MACOSX/folder/._a.csv", [0, 5, 22, 7], sizes: sizes)
      zip.add("empty.csv", [], sizes: sizes)
      zip.add("é.json", long, sizes: sizes)
      zip.add("last.xml", long, level: 0, sizes: sizes)
      zip.add("stored.csv", Self.text, level: nil, sizes: sizes == .before64 ? .before64 : .before)
      let expected = [
        "export.zip (folder/a.csv)": Self.text, "export.zip (empty.csv)": [], "export.zip (é.json)": long,
        "export.zip (last.xml)": long, "export.zip (stored.csv)": Self.text,
      ]
      for most in [Int.max, 4096, 13] {
        let found = try Self.members(
          zip.archive(comment: "PK\u{5}\u{6} is no end", is64: sizes == .before64), most: most)
        #expect(found == expected, "\(sizes), in pieces of \(most)")
      }
    }
  }

  @Test("a file that is not read is skipped, and zeros that follow an archive are read over")
  func skipped() throws {
    var builder = ZipBuilder()
    builder.add("a", GzipSourceTests.text(2, 300_000), sizes: .behind)
    builder.add("b", GzipSourceTests.text(3, 300_000), level: nil)
    builder.add("c", Self.text)
    let source = BytesSource(builder.archive() + [UInt8](repeating: 0, count: 100_000))
    let zip = ZipArchive(source)
    #expect(try zip.nextMember()?.name == "test (a)")
    #expect(try zip.nextMember()?.name == "test (b)")
    #expect(try zip.nextMember()?.all() == Self.text)
    #expect(try zip.nextMember() == nil)
    #expect(try source.all() == [])
  }

  @Test("an empty archive has no file")
  func empty() throws { #expect(try Self.members(ZipBuilder().archive()) == [:]) }

  @Test("an archive that is cut off anywhere ends early, also in its directory", arguments: ZipBuilder.Sizes.allCases)
  func cut(sizes: ZipBuilder.Sizes) {
    let whole = Self.archive(sizes)
    for length in 0..<whole.count {
      #expect(
        Self.problem(Array(whole[..<length])) == "65 export.zip: the zip archive ends early: the file is cut off",
        "cut at \(length)")
    }
  }

  @Test("what follows an archive does not belong to it: two archives are not read as one")
  func followed() {
    let whole = Self.archive(.before)
    for rest in [whole, [UInt8](repeating: 7, count: 100_000), [0, 0, 1]] {
      #expect(Self.problem(whole + rest) == "65 export.zip: something else follows the zip archive")
    }
  }

  @Test("damage is found also in files that are not read")
  func damaged() {
    var zip = ZipBuilder()
    zip.add("a", Self.text, checksum: 1)
    let wrong = "65 export.zip (a): the zip archive is damaged: its checksum is wrong"
    #expect(Self.problem(zip.archive()) == wrong)
    #expect(
      failure {
        let zip = ZipArchive(BytesSource(zip.archive(), name: "export.zip"))
        while try zip.nextMember() != nil {}
      } == wrong)
    var behind = ZipBuilder()
    behind.add("a", Self.text, sizes: .behind, checksum: 1)
    #expect(
      Self.problem(behind.archive())
        == "65 export.zip (a): the zip archive is damaged: its checksum or its size is wrong"
    )
  }

  @Test("each byte of the data and of its sizes counts")
  func bytes() {
    let whole = Self.archive(.behind)
    let data = 30 + "values.csv".utf8.count..<whole.count - 22 - 46 - "values.csv".utf8.count
    for place in data {
      var damaged = whole
      damaged[place] ^= 0x20
      var members: [String: [UInt8]] = [:]
      let message = failure { members = try Self.members(damaged) }
      // Some bits of the last byte of deflate mean nothing.
      let isHarmless = members == ["export.zip (values.csv)": Self.text]
      #expect(message.hasPrefix("65 export.zip") || isHarmless, "byte \(place): \(message)")
    }
  }

  @Test("what cannot be unpacked is said in plain words")
  func refused() {
    func problem(flags: Int = 0, method: Int? = nil, level: Int32? = 6, sizes: ZipBuilder.Sizes = .before) -> String {
      var zip = ZipBuilder()
      zip.add("a", Self.text, level: level, sizes: sizes, flags: flags, method: method)
      return Self.problem(zip.archive())
    }
    #expect(problem(flags: 1) == "65 export.zip (a): it is encrypted: unpack it first, with its password")
    #expect(
      problem(method: 12)
        == "65 export.zip (a): it is compressed by method 12, which d2 does not know: unpack it first")
    #expect(
      problem(level: nil, sizes: .behind)
        == "65 export.zip (a): the zip archive does not say how long it is before its data: unpack it first")
    #expect(Self.problem(Array("PK, no archive".utf8)) == "65 export.zip: this is not a zip archive")
    #expect(
      Self.problem([0x50, 0x4B, 7, 8] + Self.archive().dropFirst(4))
        == "65 export.zip: it is one of several parts of a zip archive: put them together first")
  }

  @Test("files that its directory does not list are not taken for good")
  func unlisted() {
    var first = ZipBuilder()
    first.add("a", Self.text)
    #expect(
      Self.problem(first.bytes + Self.archive())
        == "65 export.zip: the zip archive is damaged: it lists 1 file, and holds 2 files")
  }
}
