import TestSupport
import Testing

@testable import D2Client
@testable import D2Common

@Suite("MetadataReport")
struct MetadataReportTests {
  private static let answer = #"""
    {"httpStatus":"Conflict","response":{"responseType":"ImportReport","status":"ERROR",
     "stats":{"created":1,"updated":2,"deleted":0,"ignored":3,"total":6},"typeReports":[{"objectReports":[
      {"index":0,"uid":"Second00001","errorReports":[{"errorCode":"E5003","message":"taken"},{"errorCode":"E4001"}]},
      {"index":2,"errorReports":[{"errorCode":"E1106","message":"twice"}]},
      {"index":9,"errorReports":[{"errorCode":"E1106","message":"past the end"}]},
      {"errorReports":[{"errorCode":"E4000","message":"nowhere"}]}]}]}}
    """#

  @Test("a report without a uid is that of the object at its index", arguments: [true, false])
  func indexes(isWrapped: Bool) throws {
    let document = try JSONValue(parsing: Self.answer)
    // Up to 2.37 the report stands at the top.
    let report = try #require(
      MetadataReport(
        isWrapped ? document : document["response"] ?? .null, posted: ["First000001", "Second00001", "Third000001"]))
    #expect(report.created == 1 && report.updated == 2)
    #expect(
      report.problems == [
        // The uid counts if there is one.
        "Second00001": ["E5003 taken", "E4001"], "Third000001": ["E1106 twice"],
        "": ["E1106 past the end", "E4000 nowhere"],
      ])
  }

  @Test(
    "an answer without a report gives nil", arguments: ["{}", #"{"status":"ERROR"}"#, #"{"response":{"stats":{}}}"#])
  func none(text: String) throws {
    let report = MetadataReport(try JSONValue(parsing: text))
    #expect(report == nil)
  }
}
