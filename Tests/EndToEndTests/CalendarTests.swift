import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Servers with a calendar other than the Gregorian one. Period ids pass as typed, and increments need no periods.
/// Everything else reports what works, and nothing moves from one calendar to another.
@Suite("calendars", .waiting)
struct CalendarTests {
  private static let advice = "docs/calendars.md"

  private func world(_ kind: StoreKind, source: String, destination: String) throws -> World {
    let world = try World(slicesIn: kind, values: 800, level: nil)
    try world.source.change(metadata: #"{"calendar":"\#(source)"}"#)
    try world.destination.change(metadata: #"{"calendar":"\#(destination)"}"#)
    return world
  }

  @Test(
    "dates of the command line are refused, and what works is said", .serialized, arguments: StoreKind.available,
    ["ethiopian", "nepali"])
  func dates(kind: StoreKind, calendar: String) throws {
    let world = try world(kind, source: calendar, destination: calendar)
    let scripts = [
      "d2-slices plan --pair hmis -y 2022", "d2-slices plan --pair hmis --from 2022-01-01 --to 2022-12-31",
      "d2-slices plan --pair hmis -i -y 2022", "d2-slices plan --pair hmis --period 2022", "d2-slices plan --pair hmis",
      "d2-pull --pair hmis -y 2022", "d2-pull --pair hmis -n 7", "d2-pull --pair hmis -c", "d2-pull --pair hmis",
      "d2-pull --pair hmis -y 2022 --count", "d2-pull --pair hmis -y 2022 --explain", "d2-diff --pair hmis -y 2022",
      "scripts/backlog hmis --from 2022-01-01 --to 2022-12-31",
    ]
    for script in scripts {
      let outcome = world.run("\(script) --quiet")
      #expect(outcome.status == 64 && outcome.output.isEmpty, "\(script): \(outcome.status) \(outcome.output)")
      #expect(
        outcome.errors.contains("has the calendar \(calendar)") && outcome.errors.contains(Self.advice),
        "\(script): \(outcome.errors)")
    }
    let rest = world.run("d2-slices list --pair hmis | wc -l; d2-pairs test hmis > /dev/null; echo $?")
    #expect(rest.lines == ["0", "0"] && rest.errors.contains(Self.advice), "\(rest.output)\(rest.errors)")
    #expect(world.destination.values.isEmpty)
  }

  @Test("period ids pass as they are typed, for each data set", .serialized, arguments: StoreKind.available)
  func periods(kind: StoreKind) throws {
    let world = try world(kind, source: "ethiopian", destination: "ethiopian")
    let asked = world.run(
      #"d2-pull --pair hmis --period 201613,20221332 --explain | jq -c '[.dataSet, (.url | [scan("period=[0-9]*")])]' | sort -u"#
    )
    let all = world.dataSets.sorted().map { #"["\#($0)",["period=201613","period=20221332"]]"# }
    #expect(asked.lines.sorted() == all, "\(asked.errors)")
    let moved = world.run(
      """
      d2-pull --pair hmis --data-set MONTH --period 202201,202202 | d2-push --pair hmis --rejects r > /dev/null; echo "${PIPESTATUS[@]}"
      d2-diff --pair hmis --data-set MONTH --period 202201,202202 | wc -l
      d2-pull --pair hmis --data-set MONTH --period 202201 --count | jq -c '[.values > 0, .isExact]'
      d2-pull --pair hmis --period 'Meskerem 2016' > none; echo $?; d2-pull --pair hmis --period 202201 -y 2022 > none; echo $?; wc -c < none
      """)
    #expect(
      moved.lines == ["0 0", "0", "[true,true]", "64", "64", "0"],
      "\(moved.output)\(moved.errors)")
    let months = Set(["202201", "202202"])
    #expect(
      world.differences(of: [0]) { months.contains($0["period"]?.string ?? "") }.isEmpty
        && !world.destination.values.isEmpty)
  }

  @Test("an increment needs no periods: all of it, then what changed", .serialized, arguments: StoreKind.available)
  func increments(kind: StoreKind) throws {
    let world = try world(kind, source: "nepali", destination: "nepali")
    let first = world.run(
      """
      say planned $(d2-slices plan --pair hmis -i | jq .planned)
      d2-slices run --pair hmis --quiet; say status $?; say states $(states)
      """)
    let planned = first["planned"] ?? "none"
    #expect(first.lines == ["planned=\(planned)", "status=0", "states=done=\(planned)"], "\(first.errors)")
    #expect(planned != "0")
    #expect(world.differences().isEmpty, "\(world.differences())")
    let second = world.run(
      """
      curl -sSf $SRC/control/values | sed -n 1p | jq -c '.value = "987654"' | curl -sSf -o /dev/null --data-binary @- $SRC/control/values
      scripts/sync hmis --quiet; echo $?
      """)
    #expect(second.lines.last == "0" && world.differences().isEmpty, "\(second.output)\(second.errors)")
  }

  @Test(
    "nothing moves between two calendars, in either direction", .serialized, arguments: StoreKind.available,
    [("ethiopian", "iso8601"), ("iso8601", "nepali"), ("ethiopian", "nepali")])
  func different(kind: StoreKind, calendars: (source: String, destination: String)) throws {
    let world = try world(kind, source: calendars.source, destination: calendars.destination)
    let outcome = world.run(
      """
      for select in '--period 202201' '--start-date 2022-01-01 --end-date 2022-12-31' -i; do
        d2-pull --pair hmis $select | d2-push --pair hmis --rejects r > /dev/null && echo moved; done
      d2-slices plan --pair hmis -i > /dev/null && d2-slices run --pair hmis --attempts 1 --quiet; d2-slices plan --pair hmis -y 2022 > /dev/null && d2-slices run --pair hmis --attempts 1 --quiet
      d2-diff --pair hmis --period 202201 > /dev/null; d2-pairs test hmis > /dev/null; echo $?
      """)
    #expect(outcome.lines == ["1"], "\(outcome.output)\(outcome.errors)")
    #expect(world.destination.values.isEmpty && outcome.errors.contains(Self.advice), "\(outcome.errors)")
    #expect(outcome.errors.contains("other days there"), "\(outcome.errors)")
  }

  @Test("iso8601 and gregorian are one calendar")
  func gregorian() throws {
    let world = try world(.sqlite, source: "gregorian", destination: "iso8601")
    let outcome = world.run(
      """
      d2-pairs test hmis > /dev/null 2> test; echo $?; grep -c calendar test
      d2-pull --pair hmis -y 2022 | d2-push --pair hmis --rejects r > /dev/null; echo "${PIPESTATUS[@]}"
      """)
    #expect(outcome.lines == ["0", "0", "0 0"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("a token of one end is not sent to the other to ask for its calendar")
  func credentials() throws {
    let world = try world(.sqlite, source: "ethiopian", destination: "ethiopian")
    let outcome = world.run(
      "echo d2p_only-for-the-source > pat; d2-pull --pair hmis --pat-file pat --period 202201; d2-push --pair hmis --pat-file pat --rejects r < /dev/null"
    )
    #expect(outcome.status == 77, "\(outcome.errors)")
    for (server, count) in [(world.source, 1), (world.destination, 1)] {
      let sent = (server.statistics["recent"]?.array ?? []).filter {
        $0["authorizationHeader"]?.string == "ApiToken d2p_only-for-the-source"
      }
      #expect(sent.count == count, "\(sent)")
    }
  }

  @Test("a plan without slices says so, also with --quiet", .serialized, arguments: StoreKind.available)
  func noSlices(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 50, level: nil)
    for script in [
      "d2-slices plan --pair hmis --from 2150-01-01 --to 2150-12-31", "d2-slices plan --pair hmis -y 2150",
      "d2-slices plan --pair hmis -i --from 2150-01-01 --to 2150-01-31",
    ] {
      let outcome = world.run("\(script) --quiet")
      #expect(outcome.status == 1 && outcome.documents.first?["planned"]?.int == 0, "\(script): \(outcome.output)")
      #expect(outcome.errors.contains("no slice is planned"), "\(script): \(outcome.errors)")
    }
  }
}
