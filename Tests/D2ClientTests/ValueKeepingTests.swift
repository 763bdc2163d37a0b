import Testing

@testable import D2Common
@testable import D2Client

@Suite("ValueKeeping and ElementTraits")
struct ValueKeepingTests {
  private func fate(
    _ value: String, _ type: String?, significant: Bool = false, aggregation: String = "SUM",
    _ version: String = "2.42",
    more: String = ""
  ) throws -> ValueFate {
    let keeping = ValueKeeping(DHIS2Version(version))
    let traits = try type.map { type in
      ElementTraits(
        try JSONValue(
          parsing:
            #"{"id":"x","valueType":"\#(type)","aggregationType":"\#(aggregation)","zeroIsSignificant":\#(significant)}"#
        ))
    }
    let line = Array(#"{"dataElement":"x","value":\#(value)\#(more)}"#.utf8)[...]
    let oddity = DataValueLine.reading(line, DataValueLine.Scratch()) { keeping.oddity(of: $0) }
    return keeping.fate(try #require(oddity), of: traits)
  }

  @Test(
    "zeros of elements whose zeros are not significant are dropped up to 2.42",
    arguments: [#""0""#, #""0.0""#, #""0.000""#, "0", "0.00", #""\u0030""#])
  func zeros(value: String) throws {
    #expect(try fate(value, "INTEGER") == .droppedZero)
    #expect(try fate(value, "NUMBER") == .droppedZero)
    #expect(try fate(value, "INTEGER", significant: true) == .kept)
    #expect(try fate(value, "NUMBER", aggregation: "AVERAGE") == .kept)
    #expect(try fate(value, "NUMBER", aggregation: "AVERAGE_SUM_ORG_UNIT") == .kept)
    #expect(try fate(value, "TEXT") == .kept)
    #expect(try fate(value, nil) == .doubtfulZero)
    // From 2.43 on `0.0` becomes `0`.
    #expect(try fate(value, "INTEGER", "2.43.1") == (value == #""0.0""# ? .changed : .kept))
    #expect(try fate(value, "INTEGER", more: #","deleted":true"#) == .kept)
  }

  @Test(
    "numbers that only look like zero are kept", arguments: [#""-0""#, #""00""#, #""0.5""#, #""10""#, #""0x""#, "7"])
  func noZeros(value: String) throws {
    #expect(try fate(value, "NUMBER") == .kept)
    #expect(try fate(value, nil) == .kept)
  }

  @Test(
    "texts lose the white space around them up to 2.42",
    arguments: [
      #"" a""#, #""a ""#, #""\ta long text""#, #""a long text\n""#, #""a long text\u0020""#, "\"a long text\u{20}\"",
    ])
  func padded(value: String) throws {
    #expect(try fate(value, "TEXT") == .changed)
    #expect(try fate(value, nil) == .changed)
    #expect(try fate(value, "TEXT", "2.43.1") == .kept)
  }

  @Test(
    "white space alone is dropped up to 2.42, unless there is a comment", arguments: [#"" ""#, #""  \t ""#, #""\n""#])
  func blank(value: String) throws {
    #expect(try fate(value, "TEXT") == .droppedBlank)
    #expect(try fate(value, "TEXT", more: #","comment":"c""#) == .changed)
    #expect(try fate(value, "TEXT", "2.43.1") == .kept)
  }

  @Test("booleans are brought to one spelling in every version", arguments: ["2.42", "2.43.1"])
  func booleans(version: String) throws {
    for value in [#""1""#, #""0""#, #""TRUE""#, #""t""#, "1"] {
      #expect(try fate(value, "BOOLEAN", version) == .changed)
      #expect(try fate(value, "TEXT", version) == .kept)
    }
    for value in [#""true""#, #""false""#, "true", "null", #""""#] {
      #expect(try fate(value, "BOOLEAN", version) == .kept)
    }
    #expect(try fate(#""1""#, "TRUE_ONLY", version) == .changed)
  }

  @Test("integers lose .0 from 2.43 on", arguments: [#""12.0""#, #""0.0""#, #""-3.0""#, "12.0", #""1234567.0""#])
  func integers(value: String) throws {
    for type in ["INTEGER", "INTEGER_POSITIVE", "INTEGER_ZERO_OR_POSITIVE"] {
      #expect(try fate(value, type, significant: true, "2.43.1") == .changed)
      #expect(try fate(value, type, significant: true, "2.42") == .kept)
    }
    #expect(try fate(value, "NUMBER", "2.43.1") == .kept)
    #expect(try fate(value, nil, "2.43.1") == .kept)
    #expect(try fate(value, "INTEGER", "2.43.1", more: #","deleted":true"#) == .kept)
  }

  @Test("other integers are kept from 2.43 on", arguments: [#""120""#, #""12.00""#, #""0""#, #""10""#, "40", #"".""#])
  func otherIntegers(value: String) throws {
    #expect(try fate(value, "INTEGER", "2.43.1") == .kept)
  }

  @Test(
    "a long text that is as it should be is kept",
    arguments: [#""a text with \"quotes\" inside""#, #""0 of ten, or more""#])
  func texts(value: String) throws {
    #expect(try fate(value, "LONG_TEXT") == .kept)
  }

  @Test("the stored spelling")
  func stored() throws {
    #expect(ValueKeeping.stored("T", of: .isBoolean) == "true" && ValueKeeping.stored("No", of: .isBoolean) == "false")
    #expect(ValueKeeping.stored(" a b\n", of: []) == "a b" && ValueKeeping.stored("1", of: []) == "1")
    #expect(ValueKeeping.stored("12.0", of: .isInteger) == "12" && ValueKeeping.stored("12.0", of: []) == "12.0")
  }
}
