import D2Common
import D2Ledger
import D2Store
import Glibc
import TestSupport
import Testing

@testable import d2_slices

/// One worker with a test's own commands, and its records of each slice.
@Suite("Worker")
struct WorkerTests {
  /// Summaries as d2-pull and d2-push leave them.
  private static func summaries(pull: String = "\"status\":0,\"values\":5", push: String) -> String {
    "echo '{\(pull)}' > $D2_SUMMARY_DIR/pull.json; echo '{\(push)}' > $D2_SUMMARY_DIR/push.json; "
  }

  private static let allWell = summaries(push: "\"status\":0,\"read\":5,\"imported\":5,\"refused\":0")
  private static let refusing =
    summaries(
      push: "\"status\":1,\"read\":5,\"imported\":4,\"refused\":1,\"reasons\":[{\"reason\":\"E7619 no\",\"count\":1}]")
    + "echo '{}' > $D2_REJECTS; exit 1"

  /// A world with one slice, and the result of a worker.
  private static func work(
    _ command: String, on kind: StoreKind = .sqlite, attempts: Int = 5, retrySeconds: Double = 0,
    acceptsRejects: Bool = false, trustsStatus: Bool = false, isAlive: Bool = true, most: Int? = 1,
    prepare: (SmallLedger) throws -> Void = { _ in }
  ) throws -> (world: SmallLedger, slice: Slice, meter: RunMeter) {
    let world = try SmallLedger(kind)
    var plan = LedgerPlan()
    let places = plan.add(places: [OrgUnitCover.Places(units: ["land"], children: true, priority: nil)])
    plan.add(LedgerPlan.Subject(dataSet: "monthly", periods: "202401", newest: 1, places: places))
    _ = try plan.write(world.pair, to: world.ledger, name: nil, again: false)
    try prepare(world)
    let environment = ["PATH": "/usr/bin:/bin"]
    let settings = Runner.Settings(
      store: kind == .sqlite ? .sqlite(path: world.test.location) : .postgresql(url: world.test.location),
      pair: world.pair, command: command, joins: false, jobs: 1, sharesStore: false,
      environment: environment, leaseSeconds: 60, order: .newest,
      mostAttempts: attempts, retrySeconds: retrySeconds, acceptsRejects: acceptsRejects, trustsStatus: trustsStatus,
      showsChildren: false, endsWhenIdle: true, mostSlices: most, plan: nil, giveUpSeconds: nil,
      rejectsFolder: world.test.folder, deliveredFolder: nil, dataSets: [:], units: [:])
    let meter = RunMeter(open: 1, world.log, draws: false)
    let breaker = CircuitBreaker(firstPauseSeconds: 0) { isAlive }
    let output = LineOutput(descriptor: open("/dev/null", O_WRONLY | O_CLOEXEC), name: "nothing")
    let shared = Worker.Shared(settings: settings, log: world.log, meter: meter, breaker: breaker, output: output)
    try Worker(shared, home: WorkFolder(in: world.test.folder)).run()
    for name in ["ndjson", "failed.ndjson"] { unlink("\(world.test.folder)/slice-1.\(name)") }
    return (world, try #require(try world.slice()), meter)
  }

  @Test("a slice is done when both commands say so; its figures are kept", arguments: StoreKind.available)
  func done(kind: StoreKind) throws {
    let (_, slice, meter) = try Self.work(Self.allWell, on: kind)
    #expect(slice.state == .done && slice.attempts == 1 && slice.token == nil)
    #expect(slice.counts.pulled == 5 && slice.counts.imported == 5 && slice.lastStatus == 0)
    #expect(meter.figures.done == 1 && meter.figures.failed == 0 && meter.figures.pulled == 5)
  }

  @Test("status 0 alone proves nothing, unless it is trusted")
  func unproven() throws {
    let (_, slice, _) = try Self.work("true")
    #expect(slice.state != .done)
    #expect(slice.lastError?.contains("nothing proves that everything was moved") ?? false, "\(slice.lastError ?? "")")
    #expect(try Self.work("true", trustsStatus: true).slice.state == .done)
  }

  @Test("refused values make it rest, with the reason and the rejects; accepted, it is done")
  func refused() throws {
    let (world, slice, meter) = try Self.work(Self.refusing)
    #expect(slice.state == .refused && slice.lastError?.contains("E7619") ?? false, "\(slice.lastError ?? "")")
    #expect(slice.rejects == "\(world.test.folder)/slice-1.ndjson")
    #expect(meter.figures.withRefusals == 1 && meter.figures.refused == 1)
    #expect(try Self.work(Self.refusing, acceptsRejects: true).slice.state == .done)
  }

  @Test("a command that fails is retried, and parked after so many attempts, with its last words")
  func parked() throws {
    let command = "echo 'd2-push: batch 12: no space left' >&2; exit 74"
    let (_, slice, meter) = try Self.work(command, attempts: 2, most: 2)
    #expect(slice.state == .failed && slice.attempts == 2 && slice.lastStatus == 74)
    #expect(slice.lastError?.contains("no space left") ?? false, "\(slice.lastError ?? "")")
    #expect(meter.figures.failed == 2 && meter.figures.parked == 1)
  }

  @Test("what will not change is parked when it has failed twice in the same way")
  func lasting() throws {
    let (_, slice, _) = try Self.work("echo 'd2-pull: unknown option --x' >&2; exit 64", attempts: 9, most: 3)
    #expect(slice.state == .failed && slice.attempts == 2)
  }

  @Test("a refusal of the data set by the source is the slice's, if both ends know the user")
  func sourceRefuses() throws {
    let command = Self.summaries(pull: "\"status\":77,\"refusal\":\"may not read the data set\"", push: "\"status\":0")
    let (_, slice, _) = try Self.work(command + "exit 77")
    #expect(slice.lastStatus == 77 && slice.attempts == 1)
    #expect(slice.lastError == "d2-pull: may not read the data set")
  }

  @Test("the command gets the slice without its token, and files of its own")
  func environment() throws {
    let command =
      "test -d $D2_SUMMARY_DIR && echo \"$D2_PAIR slice $D2_SLICE_ID $D2_SLICE\" | tee $D2_REJECTS >&2; exit 3"
    let (world, slice, _) = try Self.work(command)
    #expect(slice.lastStatus == 3 && slice.rejects == "\(world.test.folder)/slice-\(slice.id).failed.ndjson")
    let said = slice.lastError ?? ""
    #expect(said.hasPrefix("id:") && said.contains("monthly") && !said.contains("token"), "\(said)")
  }

  @Test(
    "a lease is renewed while it is ours, and lost when somebody else has the slice", arguments: StoreKind.available)
  func lease(kind: StoreKind) throws {
    let (world, _, _) = try Self.work("exit 3", on: kind, retrySeconds: 0)
    let claimed = try world.ledger.claim(
      world.pair, worker: "w", token: "mine", leaseSeconds: 60, order: .newest)
    let slice = try #require(claimed)
    var lease = HeldLease(of: 1, "mine", seconds: 60, world.ledger)
    let now = monotonicSeconds()
    try lease.keep(now + 30)
    #expect(!lease.isLost)
    #expect(try world.ledger.release(slice.id, token: "mine"))
    try lease.keep(now + 40)
    #expect(!lease.isLost, "it is not asked for before it is due")
    try lease.keep(now + 51)
    #expect(lease.isLost)
  }
}
