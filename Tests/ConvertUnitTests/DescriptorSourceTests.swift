import CProcess
import D2Common
import Glibc
import TestSupport
import Testing

@testable import D2Convert

@Suite("DescriptorSource")
struct DescriptorSourceTests {
  private static let text = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

  @Test("reads a file whole, whatever the room", arguments: [4096, 100_000, 1 << 20])
  func file(room: Int) throws {
    let folder = Folder()
    let source = try DescriptorSource(path: folder.file("values.bin", Self.text))
    #expect(try source.all(room: room) == Self.text)
    #expect(try source.all() == [], "the end stays the end")
  }

  @Test("closes what it opened")
  func closes() throws {
    let folder = Folder()
    let path = folder.file("values.bin", "x")
    var source: DescriptorSource? = try DescriptorSource(path: path)
    #expect(try source?.all() == [UInt8(ascii: "x")])
    let next = open(path, O_RDONLY | O_CLOEXEC)
    source = nil
    let again = open(path, O_RDONLY | O_CLOEXEC)
    #expect(again < next, "descriptor \(again) is the one that was closed, before \(next)")
    close(next)
    close(again)
  }

  @Test("reads a pipe to its end")
  func pipe() throws {
    var ends: [Int32] = [0, 0]
    try #require(d2_pipe(&ends) == 0)
    let source = DescriptorSource(descriptor: ends[0], name: "standard input")
    // It fits into the pipe, which the source has made larger.
    #expect(write(ends[1], Self.text, Self.text.count) == Self.text.count)
    close(ends[1])
    #expect(try source.all() == Self.text)
    close(ends[0])
  }

  @Test("says what cannot be read")
  func unreadable() {
    let folder = Folder()
    let missing = "\(folder.path)/missing.csv"
    #expect(
      failure { _ = try DescriptorSource(path: missing) } == "74 cannot read \(missing): No such file or directory")
    #expect(
      failure { _ = try DescriptorSource(path: folder.path).all() }
        == "74 cannot read \(folder.path): Is a directory")
  }
}
