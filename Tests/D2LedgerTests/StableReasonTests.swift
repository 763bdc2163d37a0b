import Testing

@testable import D2Common
@testable import D2Store
@testable import D2Ledger

@Suite("reasons that are the same for the same cause")
struct StableReasonTests {
  @Test(
    "counts, times, numbers of lines and batches, and periods go; codes, statuses, versions and ids stay",
    arguments: [
      ("E7612 Organisation unit not found or not accessible: `Rp268JB6Ne4`", nil),
      (
        "E8030 Untimely data entry for data set RecDsLock01 and period(s): `[202401]`",
        "E8030 Untimely data entry for data set RecDsLock01 and period(s): `[…]`"
      ),
      ("E8022 Data set A not usable with org unit(s): `[RecOuFacB02]`", nil),
      (
        "E8022 Data set A not usable with org unit(s): `[RecOuFacB02, RecOuFacB03]`",
        "E8022 Data set A not usable with org unit(s): `[…]`"
      ),
      (
        "E7641 Period: `203001` is after latest open future period: `202610` for data element: `RecDeInt001`",
        "E7641 Period: `…` is after latest open future period: `…` for data element: `RecDeInt001`"
      ),
      (
        "E8128 Value #[0, 1] all affect the same data value: `DataValueKey[dataElement=RecDeInt001]`",
        "E8128 Value #[…, …] all affect the same data value: `…`"
      ),
      ("malformed: line 17: not a JSON object", "malformed: line …: not a JSON object"),
      ("d2-push: batch 12: 500 values in 3.2s, 4 retries", "d2-push: batch …: … values in …, … retries"),
      ("d2-pull: http://localhost:8080/api/x: HTTP 409 E2010: User may not read BfMAe6Itzgt", nil),
      (
        "d2-push: 17 of 2000 values refused: more than --max-rejects allows",
        "d2-push: … of … values refused: more than --max-rejects allows"
      ),
      ("the command ended with status 137", nil), ("servers up to 2.42 do so", nil),
      (
        "jq: error (at <stdin>:42): Cannot index number with \"value\"",
        "jq: error (at <stdin>:…): Cannot index number with \"value\""
      ),
      ("read at 2026-11-26T13:46:23Z.", "read at …."), ("a lone ` and \" stay 7", "a lone ` and \" stay …"), ("", nil),
    ] as [(String, String?)])
  func examples(text: String, expected: String?) { #expect(StableReason.of(text) == expected ?? text) }

  @Test("the commonest reason speaks, and of two always the same one")
  func commonest() throws {
    func refusal(_ reasons: String) throws -> String? {
      Slice.refusal(
        pull: try JSONValue(parsing: #"{"status":0}"#),
        push: try JSONValue(parsing: #"{"status":1,"isWhole":true,"notSent":0,"reasons":[\#(reasons)]}"#))
    }
    let (a, b) = (#"{"reason":"A","count":2}"#, #"{"reason":"B","count":2}"#)
    #expect(try refusal("\(a),\(b)") == "A" && refusal("\(b),\(a)") == "A")
    #expect(try refusal(#"\#(a),{"reason":"C","count":3}"#) == "C")
    #expect(try refusal("") == "the destination refused values")
  }
}
