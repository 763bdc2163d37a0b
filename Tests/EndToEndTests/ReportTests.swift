import D2Common
import Glibc
import Testing
import WaitingTests

@Suite("d2-slices report", .waiting)
struct ReportTests {
  static let hostile = "</script><img src=x onerror=alert(1)>"
  /// A browser of this machine.
  static let chromium: String? = {
    for folder in (processEnvironment()["PATH"] ?? "").split(separator: ":") {
      for name in ["chromium", "chromium-browser", "google-chrome"] where access("\(folder)/\(name)", X_OK) == 0 {
        return "\(folder)/\(name)"
      }
    }
    return nil
  }()

  @Test("without slices, and with one")
  func few() throws {
    let world = try ReportStore()
    let empty = world.shell.run(
      "umask 022; d2-slices report --pair hmis --store store --html page.html; stat -c %a page.html")
    #expect(empty.status == 0 && empty.lines == ["644"], "\(empty.errors)")
    #expect(empty.errors.hasPrefix("d2-slices: page.html: 0 slices, "))
    #expect(world.shell.file("page.html").firstRange(of: "No slices yet") != nil)
    try world.add(dataSet: "BfMAe6Itzgt", name: "Malaria", syncedThrough: "2026-01-02T03:04:05Z")
    try world.add(slice: [
      "dataset_id": .text("BfMAe6Itzgt"), "periods": .text("202401"), "state": .text("done"), "pulled": .int(12),
      "imported": .int(10), "started": .int(1_764_000_000_000), "finished": .int(1_764_000_065_000),
    ])
    let one = world.shell.run("d2-slices report --pair hmis --store store")
    let json = try #require(one.documents.first)
    #expect(one.lines.count == 1)
    #expect(json["slices"] == 1)
    #expect(json["percent"] == 100)
    #expect(json["states"]?["done"] == 1)
    #expect(json["values"]?["taken"] == 10)
    #expect(json["slowest"]?.array?.first?["seconds"]?.int == 65)
    #expect(json["dataSets"]?.array?.first?["syncedThrough"]?.string == "2026-01-02T03:04:05Z")
    let cell = json["heatMap"]?["rows"]?.array?.first?["cells"]?.array?.first
    #expect(cell?["first"]?.string == "202401")
    #expect(json["heatMap"]?["columns"]?.array?.first?["months"]?.string == "Jan")
  }

  @Test("page and JSON hold no secret; hostile names stay text")
  func hostileNames() throws {
    let world = try ReportStore(name: "hmis", source: Self.hostile, destination: Self.hostile)
    try world.add(dataSet: Self.hostile, name: Self.hostile)
    for (state, number) in [("failed", 1), ("retry", 2), ("done", 3)] {
      try world.add(slice: [
        "dataset_id": .text(Self.hostile), "periods": .text(Self.hostile + "\(number)"),
        "orgunits": .text(Self.hostile),
        "state": .text(state), "last_error": .text(Self.hostile), "refused": .int(2), "rejects": .text(Self.hostile),
        "reasons": .text(#"[{"reason":"\#(Self.hostile)","count":2}]"#), "started": .int(1_764_000_000_000),
        "finished": .int(1_764_000_065_000),
      ])
    }
    let outcome = world.shell.run("d2-slices report --pair hmis --store store --html page.html --format json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let page = world.shell.file("page.html")
    #expect(page.firstRange(of: "<img") == nil && page.firstRange(of: "<script") == nil)
    #expect((page + outcome.output).firstRange(of: "sesame") == nil)
    let json = try #require(outcome.documents.first)
    #expect(json["refused"]?["count"]?.int == 6)
    #expect(json["refused"]?["causes"]?.array?.first?["cause"]?.string == Self.hostile)
    #expect(json["parked"]?["causes"]?.array?.first?["examples"]?.array?.first?["rejects"]?.string == Self.hostile)
  }

  @Test("reasons are summed up over slices, with where they were")
  func reasons() throws {
    let world = try ReportStore()
    try world.fill(10_000)
    let json = try #require(world.shell.run("d2-slices report --pair hmis --store store").documents.first)
    #expect(json["states"]?["failed"]?.int == 100 && json["states"]?["verified"]?.int == 2000)
    let cause = json["refused"]?["causes"]?.array?.first
    #expect(cause?["cause"]?.string == "E7612 not found: `…`")
    #expect(cause?["count"]?.int == 300 && cause?["slices"]?.int == 100)
    #expect(json["parked"]?["causes"]?.array?.count == 1 && json["retried"]?["count"]?.int == 100)
    let rows = json["heatMap"]?["rows"]?.array ?? []
    let counted = rows.reduce(0) { sum, row in
      (row["cells"]?.array ?? []).reduce(sum) { sum, cell in
        (cell["states"]?.members ?? []).reduce(sum) { $0 + ($1.value.int ?? 0) }
      }
    }
    #expect(rows.count == 20 && counted == 10_000)
    let done = (json["throughput"]?["stretches"]?.array ?? []).reduce(0) { $0 + ($1["slices"]?.int ?? 0) }
    #expect(done == 5800)
  }

  @Test("half a million slices make a page below 1 MB")
  func many() throws {
    let world = try ReportStore()
    try world.fill(500_000)
    let outcome = world.shell.run(
      """
      TIMEFORMAT=%U; { time d2-slices report --pair hmis --store store --html page.html 2> errors; } 2> seconds
      say status $?; say seconds $(cat seconds); say bytes $(stat -c %s page.html)
      """)
    #expect(outcome["status"] == "0", "\(world.shell.file("errors"))")
    #expect(try #require(outcome["bytes"].flatMap(Int.init)) < 1_000_000)
    // A few seconds of the processor; the rest is for code that is not optimised.
    #expect(try #require(outcome["seconds"].flatMap(Double.init)) < 60)
  }

  @Test("the command line: what is wrong is 64")
  func usage() throws {
    let world = try ReportStore()
    #expect(world.shell.run("d2-slices report --store store").status == 64)
    #expect(world.shell.run("d2-slices report --pair hmis --store store --format html").status == 64)
    #expect(world.shell.run("d2-slices report --pair hmis --store store --html nowhere/page.html").status == 73)
  }

  @Test(
    "in a browser: no error, no request, nothing wider than a phone",
    .enabled(if: chromium != nil, "no Chromium is installed: apt install chromium"), arguments: [0, 1, 5000])
  func browser(slices: Int) throws {
    let world = try ReportStore(source: Self.hostile + String(repeating: "w", count: 100))
    if slices > 0 { try world.fill(slices) }
    // The frame is a phone; its script looks at the page, which has none.
    world.shell.write(
      "frame.html",
      """
      <iframe id="page" src="page.html" style="width:360px;height:800px;border:0"></iframe><script>
      page.onload = () => {
        const page = document.getElementById("page"), inner = page.contentDocument, root = inner.documentElement;
        inner.querySelectorAll("details").forEach(part => { part.open = true; });
        const map = inner.querySelector(".map");
        document.title = JSON.stringify({ width: root.scrollWidth, images: inner.images.length, scripts: inner.scripts.length,
          requests: page.contentWindow.performance.getEntriesByType("resource").length,
          scrolls: map ? map.scrollWidth > map.clientWidth : false });
      };
      </script>
      """)
    let outcome = world.shell.run(
      """
      d2-slices report --pair hmis --store store --html page.html &&
      HOME=$PWD timeout 60 \(Self.chromium!) --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
        --window-size=500,900 --enable-logging=stderr --virtual-time-budget=5000 --dump-dom "file://$PWD/frame.html" \
        2> log | grep -o '<title>.*</title>' | sed 's/<[^>]*>//g'; grep CONSOLE log || true
      """)
    let json = try #require(outcome.documents.first, "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines.count == 1, "\(outcome.output)")
    #expect(json["width"]?.int == 360)
    #expect(json["images"]?.int == 0 && json["scripts"]?.int == 0 && json["requests"]?.int == 0)
    #expect(json["scrolls"]?.bool == (slices == 5000))
  }
}
