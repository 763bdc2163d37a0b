import Testing

@testable import d2_slices

@Suite("HTML")
struct HTMLTests {
  static let hostile = "</script><img src=x onerror=\"alert('1')\">&amp;"

  @Test("what is put in is text, unless it is HTML")
  func escapes() {
    let name: HTML = "<b title=\"\(Self.hostile)\">\(Self.hostile)</b>"
    let text = "&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;"
    #expect(name.text == "<b title=\"\(text)\">\(text)</b>")
    let outer: HTML = "<p>\(name)\([name, "x"])\(7)</p>"
    #expect(outer.text == "<p>\(name.text)\(name.text)x7</p>")
  }

  @Test("control characters and turns of direction are shown, other scripts left alone")
  func controls() {
    #expect(HTML.escaped("a\u{0}b\n\u{202E}c") == "a\\u{0}b\\u{a}\\u{202e}c")
    #expect(HTML.escaped("مستشفى – Santé 🏥") == "مستشفى – Santé 🏥")
  }

  @Test("numbers, moments and cut names as people read them")
  func shown() {
    #expect([0, 12, 1234, 1_234_567].map { Shown.count($0) } == ["0", "12", "1,234", "1,234,567"])
    #expect([9999, 12_345, 4_100_000, 2_000_000].map { Shown.short($0) } == ["9,999", "12.3 k", "4.1 M", "2 M"])
    #expect(Shown.count(1, "slice") == "1 slice")
    #expect(Shown.moment(milliseconds: 1_732_435_500_000) == "2024-11-24 08:05")
    #expect("äöüß".clipped(3) == "äö…" && "äöü".clipped(3) == "äöü")
  }
}
