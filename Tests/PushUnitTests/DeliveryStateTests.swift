import D2Common
import Testing

@testable import d2_push
import D2Client

@Suite("DeliveryState")
struct DeliveryStateTests {
  private static let values = ["a", "b", "c"].map {
    #"{"dataElement":"\#($0)","period":"202401","orgUnit":"u","value":"1"}"#
  }

  private func state(_ status: String, errors: String = "", response: String? = nil) throws -> DeliveryState {
    let document: JSONValue = [
      "uid": "x", "status": .string(status), "statuscode": "409", "retries": 1, "errors": .string(errors),
      "response": response.map { .string($0) } ?? "",
    ]
    return try #require(DeliveryState(document))
  }

  /// Whether the state is final, and the outcome for three values: imported, updated, ignored, refused, not sent,
  /// queued.
  private func outcome(_ status: String, errors: String = "", response: String? = nil) throws -> String {
    let state = try state(status, errors: errors, response: response)
    let batch = try BatchTests.batch(Self.values)
    let outcome = state.outcome(of: batch)
    return [
      state.isFinal ? "final" : "open", "\(outcome.imported)", "\(outcome.updated)", "\(outcome.ignored(of: batch))",
      "\(outcome.refused.count)", "\(outcome.notSent.count)", "\(outcome.queued)",
    ].joined(separator: " ")
  }

  private static func summary(_ imported: Int, _ ignored: Int, _ conflicts: String, _ more: String = "") -> String {
    #"{"httpStatusCode":409,"status":"WARNING","response":{"responseType":"ImportSummary","status":"WARNING"\#(more),"importCount":{"imported":\#(imported),"updated":0,"ignored":\#(ignored),"deleted":0},"conflicts":[\#(conflicts)]}}"#
  }

  @Test("completed: by the destination's counts where they are known, else delivered and nothing more")
  func completed() throws {
    #expect(try outcome("completed", errors: "Created: 0, Updated: 0") == "final 0 0 0 0 0 3")
    #expect(try outcome("completed", response: Self.summary(3, 0, "")) == "final 3 0 0 0 0 0")
    #expect(try outcome("completed", response: Self.summary(1, 2, "")) == "final 1 0 2 0 0 0")
    #expect(
      try outcome("completed", errors: "Imported: 1, Updated: 2, Ignored: 0, Deleted: 0, Total: 3")
        == "final 1 2 0 0 0 0")
    let job = #"{"httpStatus":"OK","response":{"jobType":"DATAVALUE_IMPORT","id":"abcdefghijk"}}"#
    #expect(try outcome("completed", errors: "Created: 0, Updated: 0", response: job) == "open 0 0 0 0 0 3")
    #expect(
      try outcome("completed", errors: "Imported: 3, Updated: 0, Ignored: 0, Deleted: 0, Total: 3", response: job)
        == "final 3 0 0 0 0 0")
  }

  @Test("failed: what the destination said of the values is the end, all else is sent again")
  func failed() throws {
    #expect(try outcome("failed", errors: "ERROR02").hasPrefix("open"))
    #expect(try outcome("failed", errors: "ERROR03", response: "<html>").hasPrefix("open"))
    #expect(
      try outcome("failed", response: Self.summary(0, 0, "", #","description":"The import process failed: x""#))
        .hasPrefix("open"))
    let unknown = #"{"value":"Data set S not usable with org unit(s): `[u]`","errorCode":"E8022","indexes":[-1]}"#
    #expect(try outcome("failed", response: Self.summary(0, 0, unknown)) == "final 0 0 0 3 0 0")
    let byPosition = #"{"object":"b","value":"bad","errorCode":"E7619","indexes":[1]}"#
    #expect(try outcome("failed", response: Self.summary(2, 1, byPosition)) == "final 2 0 0 1 0 0")
    let byID = #"{"object":"b","objects":{"dataElement":"b"},"value":"not found","errorCode":"E7610"}"#
    #expect(try outcome("failed", response: Self.summary(2, 1, byID)) == "final 2 0 0 1 0 0")
  }

  @Test("where the answer does not say which values were not stored, none counts as done")
  func vague() throws {
    let vague = #"{"object":"?","value":"something is wrong"}"#
    #expect(try outcome("failed", response: Self.summary(2, 1, vague)) == "final 0 0 0 3 0 0")
    let named = #"{"object":"b","value":"bad","errorCode":"E7619","indexes":[1]}"#
    #expect(try outcome("failed", response: Self.summary(0, 3, named)) == "final 0 0 0 3 0 0")
    #expect(try outcome("failed", response: Self.summary(1, 2, named)) == "final 0 0 0 3 0 0")
    // Counts of more values than were sent: the positions are those of others.
    #expect(try outcome("failed", response: Self.summary(2, 2, named)) == "final 0 0 0 3 0 0")
  }

  @Test("given up, forgotten, on the way")
  func others() throws {
    #expect(try outcome("expired", errors: "ERROR02") == "final 0 0 0 0 3 0")
    #expect(try outcome("canceled", errors: "ERROR7") == "final 0 0 0 0 3 0")
    let named = #"{"object":"b","value":"bad","errorCode":"E7619","indexes":[1]}"#
    #expect(try outcome("expired", response: Self.summary(2, 1, named)) == "final 2 0 0 1 0 0")
    for status in ["ready", "pending", "inprogress", ""] { #expect(try outcome(status).hasPrefix("open")) }
    let batch = try BatchTests.batch(Self.values)
    let unknown = try #require(DeliveryState(.null))
    #expect(unknown.isFinal && unknown.outcome(of: batch).notSent.count == 3)
    #expect(DeliveryState(["uid": "x"]) == nil)
    let reason = try state("expired", errors: "ERROR02").outcome(of: batch).notSentReason.message
    #expect(reason.contains("expired") && reason.contains("ERROR02"))
  }
}
