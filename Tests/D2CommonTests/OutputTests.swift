import Glibc
import TestSupport
import Testing

@testable import D2Common

@Suite("LineOutput")
struct LineOutputTests {
  static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

  @Test("lines of several threads are never mixed, and each thread's keep their order")
  func concurrency() async throws {
    let pipe = Pipe()
    let threads = BlockingExecutor(threads: 5)
    let reader = Task(executorPreference: threads) { pipe.readAll() }
    let output = LineOutput(descriptor: pipe.writing, name: "a pipe")
    let writers = 4
    let lines = 400
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<writers {
        group.addTask(executorPreference: threads) {
          var random = SeededGenerator(seed: UInt64(writer))
          for line in 0..<lines {
            // Now and then one that is large enough not to be gathered.
            let length = line % 50 == 49 ? 40_000 : Int.random(in: 0...300, using: &random)
            try output.line("\(writer) \(line) " + String(repeating: "x", count: length) + "!")
          }
        }
      }
      try await group.waitForAll()
    }
    try output.flush()
    close(pipe.writing)
    let got = await reader.value.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
    close(pipe.reading)
    #expect(got.count == writers * lines)
    var next = [Int](repeating: 0, count: writers)
    for line in got {
      let words = line.split(separator: " ")
      let writer = try #require(Int(words[0]))
      let isWhole =
        Int(words[1]) == next[writer] && words[2].last == "!" && words[2].dropLast().allSatisfy { $0 == "x" }
      #expect(isWhole, "\(line.prefix(20))")
      next[writer] += 1
    }
  }

  @Test("carried bytes come first, a missing line end last, whatever the sizes", arguments: [3, 50_000], [3, 50_000])
  func pieces(carried: Int, lines: Int) async throws {
    let pipe = Pipe()
    let threads = BlockingExecutor(threads: 1)
    let reader = Task(executorPreference: threads) { pipe.readAll() }
    let output = LineOutput(descriptor: pipe.writing, name: "a pipe")
    try output.line("first")
    let first = [UInt8](repeating: UInt8(ascii: "a"), count: carried)
    let second = [UInt8](repeating: UInt8(ascii: "b"), count: lines)
    try first.withUnsafeBytes { first in
      try second.withUnsafeBytes { second in
        try output.write(first, second, lineEndMissing: true)
        try output.write(first, Self.nothing, lineEndMissing: false)
        try output.write(Self.nothing, second, lineEndMissing: true)
      }
    }
    try output.line("last")
    try output.flush()
    close(pipe.writing)
    let got = await reader.value
    close(pipe.reading)
    var expected = Array("first\n".utf8)
    for _ in 0..<2 {
      expected += first
      expected += second
      expected.append(0x0A)
    }
    expected += "last\n".utf8
    #expect(firstDifference(got, from: expected) == nil)
  }

  @Test("what comes alone is out at once, unasked")
  func alone() throws {
    let pipe = Pipe()
    let output = LineOutput(descriptor: pipe.writing, name: "a pipe")
    try output.line("first")
    _ = fcntl(pipe.reading, F_SETFL, O_NONBLOCK)
    var block = [UInt8](repeating: 0, count: 100)
    let count = read(pipe.reading, &block, 100)
    #expect(Array(block.prefix(max(count, 0))) == Array("first\n".utf8))
    close(pipe.writing)
    close(pipe.reading)
  }

  @Test("what cannot be written is status 73 and names the output")
  func full() throws {
    let file = open("/dev/full", O_WRONLY | O_CLOEXEC)
    defer { close(file) }
    let output = LineOutput(descriptor: file, name: "standard output")
    #expect {
      try output.line("x")
      try output.flush()
    } throws: { error in
      let failure = error as? CommandFailure
      return failure?.exitStatus == .cannotWrite && failure?.message.contains("standard output: No space left") == true
    }
  }
}

@Suite("SpoolFile")
struct SpoolFileTests {
  @Test("gives back all that it took, as often as it is asked, and leaves nothing behind")
  func roundTrip() throws {
    let folder = Folder()
    let spool = try SpoolFile(environment: ["TMPDIR": folder.path])
    var random = SeededGenerator(seed: 1)
    var expected: [UInt8] = []
    for number in 0..<50 {
      let piece = (0..<Int.random(in: 0...20_000, using: &random)).map { _ in
        UInt8.random(in: 0x20...0x7E, using: &random)
      }
      try piece.withUnsafeBytes { piece in
        let half = piece.count / 2
        try spool.write(
          UnsafeRawBufferPointer(rebasing: piece[..<half]), UnsafeRawBufferPointer(rebasing: piece[half...]),
          lineEndMissing: number % 2 == 0)
      }
      expected += piece + (number % 2 == 0 ? [0x0A] : [])
    }
    #expect(folder.names == [])
    #expect(spool.bytes == expected.count)
    for _ in 0..<2 {
      var sink = CollectingSink()
      try spool.copy(into: &sink)
      #expect(firstDifference(sink.bytes, from: expected) == nil)
    }
    spool.empty()
    #expect(spool.bytes == 0)
    try Array("again".utf8).withUnsafeBytes { try spool.write($0, LineOutputTests.nothing, lineEndMissing: true) }
    var sink = CollectingSink()
    try spool.copy(into: &sink)
    #expect(sink.bytes == Array("again\n".utf8))
  }

  @Test("a folder that is not there is status 73 and named")
  func noFolder() {
    #expect { try SpoolFile(environment: ["TMPDIR": "/nowhere/at/all"]) } throws: { error in
      let failure = error as? CommandFailure
      return failure?.exitStatus == .cannotWrite && failure?.message.contains("/nowhere/at/all") == true
    }
  }
}

@Suite("SummaryFile")
struct SummaryFileTests {
  @Test("puts one line of JSON in place and leaves nothing beside it, over an older file too")
  func replaces() throws {
    let folder = Folder()
    let path = folder.file("summary.json", String(repeating: "old ", count: 1000))
    try SummaryFile.write(["read": .int(3), "reasons": []], to: path)
    #expect(try FileBytes.read(path) == Array(#"{"read":3,"reasons":[]}"#.utf8) + [0x0A])
    #expect(folder.names == ["summary.json"])
  }

  @Test("a reader who has the old file open sees the whole of it")
  func atomic() throws {
    let folder = Folder()
    let path = folder.file("summary.json", "old")
    let file = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    try SummaryFile.write(["new": true], to: path)
    var block = [UInt8](repeating: 0, count: 100)
    #expect(read(file, &block, 100) == 3)
  }

  @Test("a device is written to, not replaced")
  func device() throws {
    try SummaryFile.write(["a": 1], to: "/dev/null")
    var information = stat()
    #expect(stat("/dev/null", &information) == 0 && information.st_mode & S_IFMT == S_IFCHR)
  }

  @Test("what cannot be written is status 73 and named", arguments: ["/dev/full", "/nowhere/summary.json", "/tmp"])
  func failure(path: String) {
    #expect { try SummaryFile.write(["a": 1], to: path) } throws: { error in
      let failure = error as? CommandFailure
      return failure?.exitStatus == .cannotWrite && failure?.message.contains(path) == true
    }
  }
}
