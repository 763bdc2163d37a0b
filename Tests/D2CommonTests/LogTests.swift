import TestSupport
import Testing

@testable import D2Common

@Suite("Log")
struct LogTests {
  @Test(
    "shows control characters as escapes, and all else as it is",
    arguments: [
      ("plain é 😀 ቁጥር", "plain é 😀 ቁጥር"), ("", ""), ("a\nb", "a\\u{a}b"), ("a\r\nb", "a\\u{d}\\u{a}b"),
      ("\u{1B}[31mred", "\\u{1b}[31mred"), ("\u{7F}", "\\u{7f}"), ("\u{9B}2J", "\\u{9b}2J"), ("\0", "\\u{0}"),
      ("x\u{202E}y", "x\\u{202e}y"), ("\u{2066}z", "\\u{2066}z"), ("e\u{301}\u{7}", "e\u{301}\\u{7}"),
    ])
  func printable(text: String, expected: String) { #expect(Log.printable(text) == expected) }

  @Test("a printable text is one line, whatever a server says, and printing it again changes nothing")
  func property() {
    for seed in 0..<500 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      var text = ""
      for _ in 0..<20 {
        if let scalar = Unicode.Scalar(UInt32.random(in: 0...0x2100, using: &random)) {
          text.unicodeScalars.append(scalar)
        }
      }
      let shown = Log.printable(text)
      let isClean = shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) }
      #expect(isClean && Log.printable(shown) == shown, "seed \(seed)")
    }
  }
}
