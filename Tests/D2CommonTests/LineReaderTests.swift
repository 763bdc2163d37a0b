import Glibc
import TestSupport
import Testing

@testable import D2Common

@Suite("LineReader")
struct LineReaderTests {
  /// The lines as anyone would cut them first.
  static func naive(_ bytes: [UInt8]) -> [[UInt8]] {
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
    if lines.last == [] { lines.removeLast() }
    return lines.map { $0.last == 0x0D ? $0.dropLast() : $0 }
  }

  static func read(_ descriptor: Int32) throws -> (lines: [[UInt8]], numbers: [Int], bytes: Int) {
    var reader = LineReader(descriptor: descriptor)
    var lines: [[UInt8]] = []
    var numbers: [Int] = []
    while let line = try reader.next() {
      lines.append(Array(line.bytes))
      numbers.append(reader.number)
    }
    #expect(try reader.next() == nil)
    return (lines, numbers, reader.bytes)
  }

  /// A text of lines: blank ones, CRLF, stray carriage returns, now and then a long one, with or without a last line
  /// end.
  static func text(seed: UInt64, longest: Int) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    var text: [UInt8] = []
    for _ in 0..<Int.random(in: 0...60, using: &random) {
      let isLong = Int.random(in: 0...9, using: &random) == 0
      let length = isLong ? Int.random(in: 0...longest, using: &random) : Int.random(in: 0...40, using: &random)
      text += [UInt8](repeating: UInt8.random(in: 0x20...0x7E, using: &random), count: length)
      text += [[0x0A], [0x0D, 0x0A], [0x0A, 0x0A], [0x0D, 0x0D, 0x0A], [0x0D, 0x20, 0x0A]].randomElement(
        using: &random)!
    }
    if seed % 3 == 0 { text += Array("no line end".utf8) }
    if seed % 7 == 0 { text.append(0x0D) }
    return text
  }

  @Test("cuts what comes through a pipe in pieces of any size as a naive split does", arguments: [1, 2, 100, 70_000])
  func agreesWithNaive(most: Int) async throws {
    let writers = BlockingExecutor(threads: 1)
    for seed in 0..<12 as Range<UInt64> {
      let text = Self.text(seed: seed, longest: most == 1 ? 300 : 40_000)
      let pipe = Pipe()
      let writer = Task(executorPreference: writers) {
        var random = SeededGenerator(seed: seed)
        pipe.write(text) { Int.random(in: 1...most, using: &random) }
        close(pipe.writing)
      }
      let (lines, numbers, bytes) = try Self.read(pipe.reading)
      await writer.value
      close(pipe.reading)
      #expect(lines == Self.naive(text), "seed \(seed)")
      #expect(numbers == Array(1..<lines.count + 1), "seed \(seed)")
      #expect(bytes == text.count)
    }
  }

  @Test("reads lines of many megabytes, up to 16 MiB with their line end", arguments: [3 << 20, (16 << 20) - 1])
  func longLines(length: Int) throws {
    let file = unnamedFile()
    defer { close(file) }
    pwrite(file, "short\n", 6, 0)
    pwrite(file, "\nlast", 5, off_t(6 + length))
    let lines = try Self.read(file).lines
    #expect(lines.map { $0.count } == [5, length, 4])
  }

  @Test("refuses a longer line by its number, before it is in memory")
  func tooLong() {
    let file = unnamedFile()
    defer { close(file) }
    pwrite(file, "a\nb\n", 4, 0)
    ftruncate(file, 1 << 32)
    var reader = LineReader(descriptor: file)
    #expect {
      while try reader.next() != nil {}
    } throws: { error in
      let failure = error as? CommandFailure
      return failure?.exitStatus == .malformedInput
        && failure?.message.hasPrefix("line 3 is longer than 16 MiB: if it is a whole document, put d2-con") ?? false
    }
    #expect(reader.bytes < 20 << 20)
  }

  @Test("what cannot be read is status 74")
  func unreadable() {
    let folder = open("/tmp", O_RDONLY | O_CLOEXEC)
    defer { close(folder) }
    var reader = LineReader(descriptor: folder)
    #expect { try reader.next() } throws: { ($0 as? CommandFailure)?.exitStatus == .cannotRead }
  }
}
