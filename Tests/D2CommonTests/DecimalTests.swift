import TestSupport
import Testing

@testable import D2Common

@Suite("Decimal")
struct DecimalTests {
  @Test(
    "sums are exact",
    arguments: [
      ("1", "2", "3"), ("0.1", "0.2", "0.3"), ("-5", "5", "0"), ("1.50", "1.5", "3"), (".5", "-1", "-0.5"),
      ("007", "1", "8"),
      ("999999999999999999999999", "0.000001", "999999999999999999999999.000001"), ("1e3", "1", "1001"),
      ("+2", "3.", "5"),
      ("-0.004", "0.003", "-0.001"),
    ])
  func sums(left: String, right: String, sum: String) throws {
    let (a, b) = (try #require(Decimal(Array(left.utf8))), try #require(Decimal(Array(right.utf8))))
    #expect((a + b)?.description == sum)
    #expect((b + a)?.description == sum)
  }

  @Test(
    "refuses texts that are not a number",
    arguments: [
      "", "-", ".", "1,5", "true", "1.2.3", "0x10", "1e99", "1e-9223372036854775808", "1 ", "NaN",
      String(repeating: "9", count: 40),
    ])
  func refused(text: String) { #expect(Decimal(Array(text.utf8)) == nil) }

  @Test("agrees with whole numbers on random sums")
  func property() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<2000 {
      let numbers = (0..<Int.random(in: 2...8, using: &random)).map { _ in
        Int.random(in: -100_000...100_000, using: &random)
      }
      // In hundredths, spelled with two digits after the point.
      let texts = numbers.map { number in
        (number < 0 ? "-" : "") + "\(abs(number) / 100)." + (abs(number) % 100 < 10 ? "0" : "") + "\(abs(number) % 100)"
      }
      let sum = texts.compactMap { Decimal(Array($0.utf8)) }.reduce(Decimal(Array("0".utf8))) { sum, next in
        sum.flatMap { $0 + next }
      }
      let total = numbers.reduce(0, +)
      var expected =
        (total < 0 ? "-" : "") + "\(abs(total) / 100)." + (abs(total) % 100 < 10 ? "0" : "") + "\(abs(total) % 100)"
      while expected.hasSuffix("0") { expected.removeLast() }
      if expected.hasSuffix(".") { expected.removeLast() }
      #expect(sum?.description == expected, "\(texts)")
    }
  }
}
