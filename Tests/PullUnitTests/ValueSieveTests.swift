import D2Common
import TestSupport
import Testing

@testable import d2_pull
import D2Split

/// Which values of an answer pass, however it is divided into pieces.
@Suite("ValueSieve")
struct ValueSieveTests {
  private struct Collector: LineSink {
    var bytes: [UInt8] = []

    mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) {
      bytes += carried
      bytes += lines
      if lineEndMissing { bytes.append(UInt8(ascii: "\n")) }
    }
  }

  private func value(_ number: Int, _ time: String, comment: String = "null", combo: String = #""HllvX50cXC0""#)
    -> String
  {
    #"{"dataElement":"fbfJHSPpUQD","categoryOptionCombo":\#(combo),"value":"\#(number)","created":"2020-01-01T00:00:00.000+0000","lastUpdated":\#(time),"comment":\#(comment),"followup":false}"#
  }

  /// The values that pass in pieces of some size, and the values that are removed.
  private func passed(
    _ values: [String], _ sieve: ValueSieve, pieceBytes: Int, spaces: String = ""
  ) throws -> ([String], ValueSieve.Kept) {
    var sink = SievedSink(sieve, Collector())
    var splitter = DataValueSplitter()
    var text = Array((spaces + #"{"dataValues":["# + values.joined(separator: ",") + "]}").utf8)
    try text.withUnsafeMutableBytes { bytes in
      var at = 0
      while at < bytes.count {
        let end = min(at + pieceBytes, bytes.count)
        try splitter.consume(UnsafeMutableRawBufferPointer(rebasing: bytes[at..<end]), into: &sink)
        at = end
      }
    }
    try splitter.finish()
    #expect(splitter.count == values.count)
    let output = String(decoding: sink.sink.bytes, as: UTF8.self)
    #expect(output.isEmpty || output.hasSuffix("\n"))
    return (output.split(separator: "\n").map(String.init), sink.kept)
  }

  @Test(
    "older values are left out; those without a time, or with one that cannot be read, are kept",
    arguments: [1, 7, 64, 300, 5000, 1 << 20])
  func older(pieceBytes: Int) throws {
    let sieve = ValueSieve(notBefore: UTCTime("2024-06-15T06:00:00Z"))
    let kept = [
      #""2024-06-15T06:00:00.000+0000""#, #""2024-06-15T06:00:00Z""#, #""2024-06-15T08:00:00.000+0200""#, "null",
      #""yesterday""#, #""2025-01-01T00:00:00.000+0000""#, #""""#,
    ]
    let old = [
      #""2024-06-15T05:59:59.999+0000""#, #""2024-06-15T05:59:59Z""#, #""2024-06-15T07:59:59.000+0200""#,
      #""2023-12-31T23:59:59.999+0000""#,
    ]
    // A comment that looks like a time does not count as one.
    let comment = #""\"lastUpdated\":\"2010-01-01T00:00:00.000+0000\"""#
    var values: [String] = []
    var expected: [String] = []
    for round in 0..<40 {
      for (place, time) in (kept + old).enumerated() {
        let value = value(round * 100 + place, time, comment: round % 2 == 0 ? comment : "null")
        values.append(value)
        if place < kept.count { expected.append(value) }
      }
    }
    values.append(#"{"value":"1"}"#)
    expected.append(#"{"value":"1"}"#)
    for spaces in ["", "\n"] {
      let (output, counts) = try passed(values, sieve, pieceBytes: pieceBytes, spaces: spaces)
      #expect(output == expected)
      #expect(counts == .init(older: 40 * old.count))
    }
  }

  @Test("values without an id in the scheme are left out and counted by key")
  func withoutID() throws {
    let sieve = ValueSieve(notBefore: nil, nullableKeys: ["categoryOptionCombo", "orgUnit"])
    let time = #""2024-06-15T06:00:00.000+0000""#
    let whole = [value(1, time), value(2, time, comment: #""\"orgUnit\":null""#)]
    let values = whole + [value(3, time, combo: "null"), #"{"orgUnit":null,"categoryOptionCombo":null}"#]
    for pieceBytes in [1, 50, 10_000] {
      let (output, counts) = try passed(values, sieve, pieceBytes: pieceBytes)
      #expect(output == whole)
      #expect(counts == .init(older: 0, withoutID: [2, 0]))
    }
    let (all, none) = try passed(values, ValueSieve(notBefore: nil), pieceBytes: 33)
    #expect(all == values && none.total == 0)
  }
}
