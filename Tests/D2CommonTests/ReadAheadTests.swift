import Glibc
import Synchronization
import TestSupport
import Testing

@testable import D2Common

@Suite("ReadAhead")
struct ReadAheadTests {
  /// Warnings of a run.
  private final class Warnings: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    func settings(_ bound: Int, memory: Int, folder: String) -> ReadAhead.Settings {
      var settings = ReadAhead.Settings(bound: bound, environment: ["TMPDIR": folder]) { text in
        self.texts.withLock { $0.append(text) }
      }
      settings.memoryBytes = memory
      return settings
    }
  }

  /// Lines of all lengths, and the bytes that they are.
  private static func lines(_ count: Int, seed: UInt64) -> [String] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { number in
      let length = Int.random(in: number % 40 == 39 ? 30_000...90_000 : 0...400, using: &random)
      return "\(number) " + String(repeating: "x", count: length)
    }
  }

  private static func bytes(_ lines: [String]) -> [UInt8] { lines.flatMap { Array($0.utf8) + [0x0A] } }

  /// Reads to the end, in pieces and with pauses of its own.
  private static func readSlowly(_ descriptor: Int32, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    var all: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      if Int.random(in: 0..<4, using: &random) == 0 { usleep(useconds_t.random(in: 0...3000, using: &random)) }
      let got = read(descriptor, &block, Int.random(in: 1...block.count, using: &random))
      guard got > 0 else { return all }
      all += block[..<got]
    }
  }

  /// Two ends of a pipe, or of a socket, whose writer has no second descriptor.
  private static func ends(socket: Bool) -> (reading: Int32, writing: Int32) {
    if socket {
      var pair: [Int32] = [0, 0]
      socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
      return (pair[0], pair[1])
    }
    let pipe = Pipe()
    return (pipe.reading, pipe.writing)
  }

  @Test(
    "all bytes go out in their order, whatever the bounds and however the reader reads",
    arguments: [(1 << 30, 1 << 20), (1 << 30, 100_000), (900_000, 300_000), (200_000, 200_000), (1000, 1000)],
    [false, true])
  func order(_ bounds: (bound: Int, memory: Int), socket: Bool) async throws {
    for seed in UInt64(1)...3 {
      let (reading, writing) = Self.ends(socket: socket)
      let folder = Folder()
      let threads = BlockingExecutor(threads: 1)
      let reader = Task(executorPreference: threads) { Self.readSlowly(reading, seed: seed) }
      let lines = Self.lines(2500, seed: seed)
      let warnings = Warnings()
      do {
        let output = LineOutput(
          descriptor: writing, name: "a pipe",
          readAhead: warnings.settings(bounds.bound, memory: bounds.memory, folder: folder.path))
        for line in lines { try output.line(line) }
        try output.finish()
      }
      close(writing)
      // The thread that writes gives its own descriptor back.
      let got = await reader.value
      close(reading)
      #expect(firstDifference(got, from: Self.bytes(lines)) == nil, "seed \(seed)")
      #expect(warnings.all == [])
      #expect(folder.names == [])
    }
  }

  @Test("what a standing reader does not take is held up to the bound, in memory and in a file")
  func holds() async throws {
    let pipe = Pipe()
    let folder = Folder()
    let warnings = Warnings()
    let lines = Self.lines(4000, seed: 7)
    let threads = BlockingExecutor(threads: 1)
    let reader: Task<[UInt8], Never>
    do {
      let output = LineOutput(
        descriptor: pipe.writing, name: "a pipe",
        readAhead: warnings.settings(1 << 30, memory: 1 << 20, folder: folder.path))
      // Nobody reads, and every line is taken.
      for line in lines { try output.line(line) }
      try output.flush()
      reader = Task(executorPreference: threads) { pipe.readAll() }
      try output.finish()
    }
    close(pipe.writing)
    let got = await reader.value
    close(pipe.reading)
    #expect(firstDifference(got, from: Self.bytes(lines)) == nil)
    #expect(warnings.all == [])
  }

  @Test("a folder that takes no file means one warning, and the writer waits", arguments: ["/nowhere/at/all"])
  func noFolder(folder: String) async throws {
    let pipe = Pipe()
    let warnings = Warnings()
    let threads = BlockingExecutor(threads: 1)
    let reader = Task(executorPreference: threads) { Self.readSlowly(pipe.reading, seed: 3) }
    let lines = Self.lines(3000, seed: 3)
    do {
      let output = LineOutput(
        descriptor: pipe.writing, name: "a pipe",
        readAhead: warnings.settings(1 << 30, memory: 50_000, folder: folder))
      for line in lines { try output.line(line) }
      try output.finish()
    }
    close(pipe.writing)
    let got = await reader.value
    close(pipe.reading)
    #expect(firstDifference(got, from: Self.bytes(lines)) == nil)
    #expect(warnings.all.count == 1, "\(warnings.all)")
    #expect(warnings.all.first?.contains("cannot make a temporary file in /nowhere/at/all") == true, "\(warnings.all)")
  }

  @Test("a reader that has all learns of the end while the command goes on", arguments: [0, 1 << 20])
  func letGo(bound: Int) throws {
    let (reading, writing) = Self.ends(socket: false)
    let folder = Folder()
    let output = LineOutput(
      descriptor: writing, name: "a pipe",
      readAhead: Warnings().settings(bound, memory: 1 << 16, folder: folder.path))
    try output.line("all")
    try output.finish()
    output.letGo()
    var polled = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
    poll(&polled, 1, 1000)
    #expect(polled.revents & Int16(POLLHUP) != 0, "\(polled.revents)")
    #expect(Self.readSlowly(reading, seed: 1) == Self.bytes(["all"]))
    // The number is not free for another file.
    #expect(fcntl(writing, F_GETFD) >= 0)
    withExtendedLifetime(output) {}
    close(reading)
    close(writing)
  }

  @Test("the inherited descriptor still waits: others share it")
  func sharedDescriptor() throws {
    let pipe = Pipe()
    let output = LineOutput(
      descriptor: pipe.writing, name: "a pipe",
      readAhead: Warnings().settings(1 << 20, memory: 1 << 20, folder: "/tmp"))
    try output.line("first")
    #expect(fcntl(pipe.writing, F_GETFL) & O_NONBLOCK == 0)
    close(pipe.writing)
    close(pipe.reading)
  }
}

@Suite("ReadAheadQueue")
struct ReadAheadQueueTests {
  @Test("gives back what it took, and never holds more than its bound", arguments: 1...20 as ClosedRange<UInt64>)
  func againstAnArray(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let memory = Int.random(in: 1...200, using: &random)
    let bound = memory + Int.random(in: 0...300, using: &random)
    let folder = Folder()
    var queue = ReadAheadQueue(bound: bound, memoryBytes: memory, environment: ["TMPDIR": folder.path])
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 1)
    defer { block.deallocate() }
    var expected: [UInt8] = []
    for _ in 0..<3000 {
      if Bool.random(using: &random) {
        let piece = (0..<Int.random(in: 1...120, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        guard let slot = queue.slot(for: piece.count) else {
          // Only if there is really no room: in memory, or in the file after it.
          #expect(expected.count + piece.count > min(memory, bound - memory))
          continue
        }
        try piece.withUnsafeBytes { try slot.put(OutputPieces($0)) }
        queue.added(slot)
        expected += piece
      } else {
        let front = queue.front(atMost: Int.random(in: 1...64, using: &random))
        #expect((front == nil) == expected.isEmpty)
        guard let run = front else { continue }
        let got = Array(try run.load(block))
        #expect(got == Array(expected.prefix(got.count)) && !got.isEmpty)
        queue.removed(run)
        expected.removeFirst(got.count)
      }
      #expect(queue.count == expected.count && queue.count <= bound)
    }
  }
}
