import D2Common
import Testing

@testable import d2_slices
import D2Store

@Suite("ReportPage")
struct ReportPageTests {
  static func data() -> ReportData {
    var data = ReportData()
    data.pair = HTMLTests.hostile
    data.source = HTMLTests.hostile
    data.destination = "\u{202E}" + HTMLTests.hostile
    var line = ReportData.DataSetLine(uid: HTMLTests.hostile, name: HTMLTests.hostile)
    line.states[.failed] = 1
    line.states[.done] = 1
    data.dataSets = [line]
    data.states = line.states
    data.heatMap = HeatMap(
      [HeatMapTests.group(HTMLTests.hostile, HTMLTests.hostile, .failed)], dataSets: [(HTMLTests.hostile, line.states)])
    var slice = Slice()
    slice.dataSet = HTMLTests.hostile
    slice.periods = HTMLTests.hostile
    slice.orgUnits = [HTMLTests.hostile]
    slice.rejects = HTMLTests.hostile
    data.slowest = [slice]
    data.parked.add(HTMLTests.hostile, 1, of: slice)
    data.retried.add(HTMLTests.hostile, 1, of: slice)
    data.refusals.add(HTMLTests.hostile, 1, of: slice)
    return data
  }

  @Test("nothing that a server or a user named becomes markup, wherever it stands")
  func hostile() {
    let html = ReportPage(Self.data()).html.text
    #expect(html.firstRange(of: "<img") == nil)
    #expect(html.firstRange(of: "<script") == nil)
    #expect(html.firstRange(of: "</script") == nil)
    #expect(html.firstRange(of: "\u{202E}") == nil)
    #expect(html.firstRange(of: "onerror=\"") == nil)
    #expect(html.firstRange(of: "&lt;/script&gt;") != nil)
  }

  @Test("an empty ledger makes a page that says what to do")
  func empty() {
    let html = ReportPage(ReportData()).html.text
    #expect(html.firstRange(of: "No slices yet") != nil)
    #expect(html.firstRange(of: "<nav") == nil)
  }

  @Test("the page asks the network for nothing")
  func selfContained() {
    let html = ReportPage(Self.data()).html.text
    for word in ["src=\"", "url(", "@import", "http://", "<form", "<iframe"] {
      #expect(html.firstRange(of: word) == nil, "\(word)")
    }
    #expect(html.firstRange(of: "content=\"default-src &#39;none&#39;; ") != nil)
  }
}
