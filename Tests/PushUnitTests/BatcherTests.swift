import D2Client
import D2Common
import Testing

@testable import d2_push

@Suite("Batcher")
struct BatcherTests {
  /// A sizer for a server that is fastest with 4,000 values at once, and takes a second for each request.
  private static func experienced() -> BatchSizer {
    let sizer = BatchSizer(100...50_000, longestSeconds: 20)
    let curve = BatchTimes.Curve(fixed: 4000, growth: 4000)
    for size in [2000, 4000, 8000, 3000, 5000, 4000, 4000] {
      sizer.record(size: size, values: size, seconds: curve.time(Double(size)) / 8000)
    }
    return sizer
  }

  private static func options(_ words: String...) throws -> PushOptions {
    try PushOptions(
      Arguments(["--url", "http://127.0.0.1:9"] + words, Push.description), Log(command: "test", least: .error))
  }

  private static func piece(_ numbers: Range<Int>, _ options: PushOptions) -> LocatedLines {
    let lines = numbers.map { #"{"dataElement":"e\#($0)","period":"2024","orgUnit":"u","value":"1"}"# + "\n" }
    let padding = [UInt8](repeating: 0x0A, count: PaddedLine.paddingBytes)
    return LineLocator(options, DestinationTraits(version: nil)).locate(Array(lines.joined().utf8) + padding)
  }

  @Test("where the end of the input may be near it is waited for, and what is left makes even batches")
  func evenEnd() throws {
    let options = try Self.options()
    let sizer = Self.experienced()
    let size = sizer.size
    for (count, sizes) in [(size * 5 / 4, [size * 5 / 4]), (size * 7 / 4, [size * 7 / 8, size * 7 / 8])] {
      var batcher = Batcher(options, DestinationTraits(version: nil), sizer)
      batcher.add(Self.piece(0..<size / 2, options))
      #expect(batcher.patienceSeconds == 0, "there is not enough for a batch")
      batcher.add(Self.piece(size / 2..<size * 5 / 4, options))
      #expect(batcher.patienceSeconds > 0 && batcher.looksAhead)
      if count > size * 5 / 4 { batcher.add(Self.piece(size * 5 / 4..<count, options)) }
      batcher.end()
      #expect(batcher.patienceSeconds == 0)
      var made: [Int] = []
      while let batch = batcher.next() { made.append(batch.values.count) }
      #expect(made == sizes && batcher.made == count, "\(size)")
    }
  }

  @Test("where more comes for sure nothing is waited for, and no more is read ahead than one batch may hold")
  func middle() throws {
    let options = try Self.options("--batch-bytes", "1M")
    let sizer = Self.experienced()
    let size = sizer.size
    var batcher = Batcher(options, DestinationTraits(version: nil), sizer)
    batcher.add(Self.piece(0..<2 * size, options))
    #expect(batcher.patienceSeconds == 0)
    #expect(batcher.next()?.values.count == size && batcher.looksAhead)
    for number in 1...5 { batcher.add(Self.piece(number * 10_000..<(number * 10_000 + 4000), options)) }
    #expect(!batcher.looksAhead && batcher.patienceSeconds == 0)
  }
}
