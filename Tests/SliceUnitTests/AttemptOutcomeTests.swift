import D2Common
import TestSupport
import Testing

@testable import d2_slices

@Suite("what an attempt came to")
struct AttemptOutcomeTests {
  private static func outcome(
    _ status: Int, pull: String?, push: String?, _ lastLine: String = "d2-push: line 7: last words",
    accepts: Bool = false, trusts: Bool = false
  ) throws -> AttemptOutcome {
    AttemptOutcome(
      status: status, pull: try pull.map { try JSONValue(parsing: $0) },
      push: try push.map { try JSONValue(parsing: $0) },
      lastLine: lastLine, acceptsRejects: accepts, trustsStatus: trusts)
  }

  private static let well = #"{"status":0}"#
  private static let refused =
    #"{"status":1,"isWhole":true,"notSent":0,"refused":3,"reasons":[{"reason":"E7612 Unit not found: `X`","count":2},{"reason":"E1","count":1}]}"#

  @Test("values that were refused, with all else well, are an outcome of their own, or done where that is accepted")
  func refusals() throws {
    #expect(try Self.outcome(1, pull: Self.well, push: Self.refused) == .refused("E7612 Unit not found: `X`"))
    #expect(try Self.outcome(0, pull: Self.well, push: Self.refused) == .refused("E7612 Unit not found: `X`"))
    #expect(try Self.outcome(1, pull: Self.well, push: Self.refused, accepts: true) == .done)
    #expect(
      try Self.outcome(1, pull: Self.well, push: Self.refused, trusts: true) == .refused("E7612 Unit not found: `X`"))
    #expect(try Self.outcome(0, pull: Self.well, push: Self.well) == .done)
  }

  @Test("a run that did not finish is a failure, even if refusals are accepted", arguments: [false, true])
  func failures(accepts: Bool) throws {
    let words = "d2-push: line …: last words"
    let cut = #"{"status":1,"isWhole":false,"notSent":0,"refused":3}"#
    let notSent = #"{"status":1,"isWhole":true,"notSent":5,"refused":3}"#
    for (status, pull, push, isLasting) in [
      (1, Self.well, cut, true), (1, Self.well, notSent, true), (1, #"{"status":1}"#, Self.well, true),
      (1, #"{"status":1}"#, Self.refused, true), (75, #"{"status":75}"#, Self.refused, false),
      (75, Self.well, #"{"status":75}"#, false), (64, Self.well, Self.well, true), (1, Self.well, Self.well, false),
    ] {
      let outcome = try Self.outcome(status, pull: pull, push: push, accepts: accepts)
      #expect(outcome == .failed(words, isLasting: isLasting), "\(status) \(pull) \(push)")
    }
    // A command in the pipeline that hides the status.
    #expect(try Self.outcome(0, pull: #"{"status":75}"#, push: Self.well, accepts: accepts) == .failed(words))
    for (pull, push) in [(nil, Self.well), (Self.well, nil), (nil, nil)] as [(String?, String?)] {
      let outcome = try Self.outcome(0, pull: pull, push: push, "", accepts: accepts)
      guard case .failed(let text, false) = outcome else { return #expect(Bool(false), "\(outcome)") }
      #expect(text.contains("nothing proves"))
    }
    #expect(try Self.outcome(0, pull: nil, push: nil, accepts: accepts, trusts: true) == .done)
  }
}

@Suite("a slice's rejects on disk")
struct SliceRejectsTests {
  private let folder = Folder()

  private func attempt(_ token: String, _ text: String?, suffix: String = "") -> SliceRejects {
    let rejects = SliceRejects(folder: folder.path, id: 17, token: token)
    if let text { _ = folder.file("slice-17.\(token).ndjson\(suffix)", text) }
    return rejects
  }

  private func read(_ path: String) -> String? {
    (try? FileBytes.read(path, atMost: 1000)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("an attempt that read everything replaces what earlier ones left; one that failed replaces nothing by none")
  func places() throws {
    let whole = "\(folder.path)/slice-17.ndjson"
    #expect(try attempt("a", "one\n").keep(isWhole: true) == whole)
    #expect(try attempt("b", nil).keep(isWhole: false) == whole)
    #expect(try attempt("c", "").keep(isWhole: false) == whole)
    let failed = "\(folder.path)/slice-17.failed.ndjson"
    #expect(try attempt("d", "two\n").keep(isWhole: false) == failed)
    // A push that was killed.
    #expect(try attempt("e", "three\n", suffix: ".part").keep(isWhole: false) == failed)
    #expect(read(whole) == "one\n" && read(failed) == "three\n")
    // Of other slices, and of a worker that was killed.
    for name in ["slice-1.ndjson", "slice-171.ndjson", "slice-17.f.ndjson.part"] {
      _ = folder.file(name, "four\n")
    }
    #expect(try attempt("g", "five\n").keep(isWhole: true) == whole)
    #expect(read(whole) == "five\n" && folder.names == ["slice-1.ndjson", "slice-17.ndjson", "slice-171.ndjson"])
    #expect(try attempt("h", nil).keep(isWhole: true) == nil)
    #expect(folder.names == ["slice-1.ndjson", "slice-171.ndjson"])
  }
}
