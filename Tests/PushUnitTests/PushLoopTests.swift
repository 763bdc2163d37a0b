import D2Client
import D2Common
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import d2_push

/// A destination that takes as long, and fails, as a test wants.
private final class PlayedSender: BatchSender {
  struct State {
    var underWay: [Int: Set<String>] = [:]
    var mostUnderWay = 0
    /// Two values with the same key were in flight at once.
    var hasMet = false
    /// The last text of each key, in the order in which batches ended.
    var stored: [String: String] = [:]
    var sent = 0
  }

  let state = Mutex(State())
  let options: PushOptions
  let size: Int
  let isQuick: Bool
  /// Which batch fails; what of a batch is refused.
  let failing: Int?
  let refuses: @Sendable (_ line: Int) -> Bool

  init(
    _ options: PushOptions, size: Int, isQuick: Bool = false, failing: Int? = nil,
    refuses: @escaping @Sendable (Int) -> Bool = { _ in false }
  ) {
    self.options = options
    self.size = size
    self.isQuick = isQuick
    self.failing = failing
    self.refuses = refuses
  }

  let followSeconds = 0.0
  let learnt: JSONValue = [:]

  private let server = DestinationTraits(version: DHIS2Version("2.42"))

  func batchMaker() -> any BatchMaker { Batcher(options, server, BatchSizer(size...size, longestSeconds: 20)) }

  func locate(_ block: [UInt8]) -> LocatedLines { LineLocator(options, server).locate(block) }

  func send(_ batch: Batch, follows: Bool) -> SentBatch {
    let texts = batch.values.map { String(decoding: batch.bytes(of: $0), as: UTF8.self) }
    let keys = texts.map { String($0.prefix { $0 != "," }) }
    state.withLock { state in
      if state.underWay.values.contains(where: { !$0.isDisjoint(with: keys) }) { state.hasMet = true }
      state.underWay[batch.number] = Set(keys)
      state.mostUnderWay = max(state.mostUnderWay, state.underWay.count)
    }
    usleep(UInt32(batch.number % 3) * 300)
    var outcome = BatchOutcome()
    var failure: (any Error)?
    if batch.number == failing {
      failure = ServerError(options.server.url, "/api/dataValueSets", .broken, "it is gone")
      outcome.sendNone(of: batch, .notSent(after: failure!))
    } else {
      for (index, value) in batch.values.enumerated() where refuses(value.line) {
        outcome.refuse(index, Refusal(message: "no"), of: batch)
      }
      outcome.imported = batch.values.count - outcome.refused.count
    }
    let isStored = failure == nil
    state.withLock { state in
      state.underWay[batch.number] = nil
      guard isStored else { return }
      for (key, text) in zip(keys, texts) { state.stored[key] = text }
      state.sent += batch.values.count
    }
    return .answered(outcome, failure: failure)
  }

  func look(at asked: [QueuedRequest]) -> DeliveryWatch.Round { DeliveryWatch.Round() }
  func news(of batch: Batch, _ outcome: BatchOutcome) -> String? { nil }
  func progress(_ totals: Account.Totals, perSecond: Int) -> String { "" }
}

@Suite("PushLoop")
struct PushLoopTests {
  private static let nowhere = "/dev/null"

  /// Runs the loop with a text, and returns its error.
  private func run(
    _ text: String, _ sender: PlayedSender, _ account: Account, limit: Int
  ) async throws -> (any Error)? {
    let folder = Folder()
    let input = folder.file("input", text)
    let descriptor = open(input, O_RDONLY)
    let output = open(Self.nowhere, O_WRONLY)
    defer {
      close(descriptor)
      close(output)
    }
    let report = RunReport(
      sender.options, account, Log(command: "test", least: .error),
      output: LineOutput(descriptor: output, name: Self.nowhere))
    let executor = BlockingExecutor(threads: limit + 4)
    do {
      try await withTaskExecutorPreference(executor) {
        var loop = PushLoop(
          sender, report, limit: ConcurrencyLimit(fixed: limit), executor: executor, descriptor: descriptor)
        try await loop.run()
      }
      return nil
    } catch { return error }
  }

  private func options(_ words: String...) throws -> PushOptions {
    try PushOptions(
      Arguments(["--url", "http://127.0.0.1:9"] + words, Push.description), Log(command: "test", least: .error))
  }

  /// Values of few elements, so that keys repeat. Each line contains its number.
  private func lines(_ count: Int, elements: Int, _ random: inout SeededGenerator) -> [String] {
    (1...count).map { number in
      let element = "e\(Int.random(in: 0..<elements, using: &random))"
      return #"{"dataElement":"\#(element)","period":"2024","orgUnit":"u","value":"\#(number)"}"#
    }
  }

  @Test("every value is sent once, never two of one key at once, and the last of each key is stored last")
  func order() async throws {
    for seed in 0..<40 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let lines = lines(
        Int.random(in: 1...400, using: &random), elements: [3, 50, 5000].randomElement(using: &random)!, &random)
      let limit = Int.random(in: 1...4, using: &random)
      let sender = PlayedSender(
        try options(), size: Int.random(in: 1...60, using: &random), isQuick: Bool.random(using: &random))
      let account = try Account(rejectsFile: nil)
      let failure = try await run(lines.joined(separator: "\n"), sender, account, limit: limit)
      var last: [String: String] = [:]
      for line in lines { last[String(line.prefix { $0 != "," })] = line }
      let state = sender.state.withLock { $0 }
      #expect(failure == nil, "seed \(seed): \(String(describing: failure))")
      #expect(state.sent == lines.count, "seed \(seed)")
      #expect(!state.hasMet, "seed \(seed)")
      #expect(state.mostUnderWay <= limit, "seed \(seed)")
      let isLast = state.stored == last
      #expect(isLast, "seed \(seed): what came last is not what is stored")
      #expect(account.isBalanced, "seed \(seed): \(account.line)")
      #expect(account.totals.read == lines.count, "seed \(seed)")
    }
  }

  @Test("where the destination gives up, each value of the input is accounted for; with rejects each is kept")
  func givesUp() async throws {
    for seed in 0..<40 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let lines = lines(Int.random(in: 1...300, using: &random), elements: 1000, &random)
      let size = Int.random(in: 1...60, using: &random)
      let failing = Int.random(in: 1...max(1, lines.count / size), using: &random)
      let folder = Folder()
      let rejects = folder.path + "/rejects"
      let account = try Account(rejectsFile: rejects)
      let sender = PlayedSender(try options("--rejects", rejects), size: size, failing: failing)
      let failure = try await run(
        lines.joined(separator: "\n"), sender, account, limit: Int.random(in: 1...3, using: &random))
      try account.finish(isWhole: true)
      #expect((failure as? ServerError)?.kind == .broken, "seed \(seed): \(String(describing: failure))")
      #expect(account.isBalanced, "seed \(seed): \(account.line)")
      let totals = account.totals
      #expect(totals.read == lines.count && totals.imported + totals.notSent == lines.count, "seed \(seed)")
      let kept = String(decoding: try FileBytes.read(rejects), as: UTF8.self).split(separator: "\n")
      #expect(kept.count == totals.notSent, "seed \(seed)")
    }
  }

  @Test("without rejects a line that is not a value ends the input: the lines before it are sent")
  func malformed() async throws {
    var random = SeededGenerator(seed: 1)
    var lines = lines(50, elements: 1000, &random)
    lines[20] = "{not JSON"
    let account = try Account(rejectsFile: nil)
    let sender = PlayedSender(try options(), size: 7)
    let failure = try await run(lines.joined(separator: "\n"), sender, account, limit: 2)
    #expect((failure as? CommandFailure)?.exitStatus == .malformedInput)
    #expect((failure as? CommandFailure)?.message.hasPrefix("line 21: ") == true)
    #expect(sender.state.withLock { $0.sent } == 20)
    #expect(account.isBalanced && account.totals.read == 20, "\(account.line)")
  }

  @Test("with rejects such lines go there, in their order, and the rest is sent")
  func keepsMalformed() async throws {
    var random = SeededGenerator(seed: 2)
    var lines = lines(50, elements: 1000, &random)
    for index in [3, 20, 49] { lines[index] = "[\(index)]" }
    let folder = Folder()
    let rejects = folder.path + "/rejects"
    let account = try Account(rejectsFile: rejects)
    let sender = PlayedSender(try options("--rejects", rejects), size: 7)
    let failure = try await run(lines.joined(separator: "\n"), sender, account, limit: 2)
    try account.finish(isWhole: true)
    #expect(failure == nil)
    #expect(account.isBalanced, "\(account.line)")
    #expect(account.totals.imported == 47 && account.totals.malformed == 3 && account.totals.refused == 3)
    let kept = try String(decoding: try FileBytes.read(rejects), as: UTF8.self).split(separator: "\n").map {
      try JSONValue(parsing: String($0))["line"]?.int
    }
    #expect(kept == [4, 21, 50])
  }

  @Test("more refused values than --max-rejects allows end the run with status 1")
  func tooManyRejects() async throws {
    var random = SeededGenerator(seed: 3)
    let lines = lines(100, elements: 1000, &random)
    let account = try Account(rejectsFile: nil)
    let sender = PlayedSender(try options("--max-rejects", "4"), size: 10, refuses: { $0.isMultiple(of: 5) })
    let failure = try await run(lines.joined(separator: "\n"), sender, account, limit: 1)
    #expect((failure as? CommandFailure)?.exitStatus == .incomplete)
    #expect(account.isBalanced, "\(account.line)")
    // Two of ten values are refused, and a key that comes twice may end a batch early.
    #expect((5...6).contains(account.totals.refused), "\(account.line)")
  }
}
