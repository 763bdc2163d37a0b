import D2Client
import D2Common
import Testing

@testable import d2_push

@Suite("PushOptions")
struct PushOptionsTests {
  static func options(_ words: String...) throws -> PushOptions {
    let arguments = try Arguments(["--url", "https://dhis2.example/api"] + words, Push.description)
    return try PushOptions(arguments, Log(command: "d2-push", least: .error))
  }

  @Test("without options")
  func defaults() throws {
    let options = try Self.options()
    #expect(options.server.url.description == "https://dhis2.example")
    #expect(options.batchSize == 100...50_000 && options.batchBytes == 12 << 20 && options.batchSeconds == 20)
    #expect(options.kind == .dataValues && options.compresses && !options.async && !options.dryRun)
    #expect(
      options.importStrategy == nil && options.dataSet == nil && options.rejectsFile == nil && options.maxRejects == nil
    )
    #expect(options.passedOn.isEmpty && options.summaryFile == nil && options.server.concurrency == 1)
  }

  @Test(
    "the size of batches is a number or bounds",
    arguments: [
      ("5000", 5000...5000), ("500..20000", 500...20_000), ("1..1", 1...1), ("1000000", 1_000_000...1_000_000),
    ])
  func batchSize(text: String, range: ClosedRange<Int>) throws {
    #expect(try Self.options("--batch-size", text).batchSize == range)
  }

  @Test(
    "and nothing else",
    arguments: [
      "0", "-5", "20..10", "x", "", "1..2..3", "1.5", "1000001", "5..", "..5", "..", "1...3", "1 2", " 5",
    ])
  func noBatchSize(text: String) {
    #expect { try Self.options("--batch-size", text) } throws: { ($0 as? CommandFailure)?.exitStatus == .usage }
  }

  @Test("parameters go to the server by the names it knows")
  func passedOn() throws {
    let options = try Self.options(
      "--id-scheme", "CODE", "--data-element-id-scheme=ATTRIBUTE:x", "--skip-audit", "--strict-organisation-units",
      "--force")
    let passed = options.passedOn.map { "\($0.name)=\($0.value)" }
    #expect(
      passed == [
        "idScheme=CODE", "dataElementIdScheme=ATTRIBUTE:x", "skipAudit=true", "force=true",
        "strictOrganisationUnits=true",
      ])
    #expect(Set(PushOptions.switches.map(\.name)).count == PushOptions.switches.count)
  }

  @Test("all options are read")
  func all() throws {
    let options = try Self.options(
      "--batch-bytes", "1M", "--batch-time=1m", "--import-strategy", "DELETE", "--dry-run", "--async", "--data-set",
      "S",
      "--compression", "none", "--rejects", "r", "--max-rejects", "1%", "--summary", "s", "--concurrency", "4",
      "--retries", "0")
    #expect(options.batchBytes == 1 << 20 && options.batchSeconds == 60 && options.importStrategy == "DELETE")
    #expect(options.dryRun && options.async && options.dataSet == "S" && !options.compresses)
    #expect(options.rejectsFile == "r" && options.maxRejects != nil && options.summaryFile == "s")
    #expect(options.server.concurrency == 4 && options.server.retry.retries == 0)
    #expect(try Self.options("--registrations").kind == .registrations)
    #expect(try Self.options("--registrations").notifies == false)
    #expect(try Self.options("--notify").ofRegistrations.notifies)
    #expect(DataKind.registrations.path == "/api/completeDataSetRegistrations")
  }

  @Test(
    "what does not go together is a usage error",
    arguments: [
      ["--registrations", "--async"], ["--registrations", "--data-set", "S"], ["values.ndjson"],
      ["--import-strategy", "NEW"],
      ["--compression", "zstd"], ["--max-rejects", "x"], ["--concurrency", "0"], ["--batch-time", "soon"],
      ["--batch-bytes", "0"],
      ["--url", "https://other.example"],
    ])
  func refused(words: [String]) {
    #expect {
      let arguments = try Arguments(["--url", "https://dhis2.example"] + words, Push.description)
      _ = try PushOptions(arguments, Log(command: "d2-push", least: .error))
    } throws: { ($0 as? CommandFailure)?.exitStatus == .usage }
  }

  @Test(
    "a limit of rejects is a number or a share",
    arguments: [
      ("0", 0, 10, false), ("0", 1, 10, true), ("5", 5, 5, false), ("5", 6, 6, true), ("1%", 10, 1000, false),
      ("1%", 11, 1000, true),
      ("1%", 999, 999, false), ("0%", 1, 1000, true), ("100%", 5000, 5000, false), ("0.5%", 6, 1000, true),
      ("0.5%", 5, 1000, false),
    ])
  func limit(text: String, refused: Int, read: Int, isExceeded: Bool) throws {
    let limit = try #require(Quota(text))
    #expect(RunReport.isExceeded(limit, refused: refused, of: read) == isExceeded)
  }

  @Test("refuses other texts", arguments: ["", "-1", "101%", "-1%", "%", "x", "1.5", "nan%", "inf%", "1 %"])
  func noLimit(text: String) {
    #expect(Quota(text) == nil)
  }
}
