import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Relative periods on the command line: those of DHIS2, by the source's day, in each data set's own type.
@Suite("relative periods", .waiting)
struct RelativePeriodPullTests {
  /// 31 March 2022 in Bogota, and 1 April in Greenwich. The destination is forty days ahead.
  private static func world(
    _ kind: StoreKind, _ version: StandInServer.ServerVersion = .v42, values: Int = 3000
  ) throws -> World {
    let world = try World(slicesIn: kind, version, values: values, level: nil) { options in
      options.timeZone = "America/Bogota"
      options.clockStart = Int64(UTCTime("2022-04-01T03:00:00Z")!.seconds) * 1000
    }
    world.run("curl -sf -o /dev/null $DST/control/clock -d '{\"advanceSeconds\":3456000}'")
    return world
  }

  /// The periods that a pull requests, by data set.
  private static func asked(_ world: World, _ options: String) throws -> [String: [String]] {
    let outcome = world.run("d2-pull \(options) --explain --quiet")
    #expect(outcome.status == 0, "\(options): \(outcome.errors)")
    var asked: [String: [String]] = [:]
    for line in outcome.lines {
      let request = try JSONValue(parsing: line)
      let query = (request["url"]?.string ?? "").split(separator: "?").last ?? ""
      let periods = query.split(separator: "&").filter { $0.hasPrefix("period=") }.map { String($0.dropFirst(7)) }
      asked[request["dataSet"]?.string ?? "", default: []] += periods
    }
    return asked
  }

  @Test("of a pair become periods of each data set's own type, by the source's day", arguments: StoreKind.available)
  func ofPair(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let sets = world.dataSets
    let asked = try Self.asked(world, "--pair hmis -p LAST_3_MONTHS")
    #expect(asked[sets[0]] == ["202112", "202201", "202202"] && asked[sets[5]] == asked[sets[0]])
    #expect(asked[sets[1]] == ["2021Q4", "2022Q1"] && asked[sets[2]] == ["2021", "2022"])
    #expect(asked[sets[3]] == (48...52).map { "2021W\($0)" } + (1...9).map { "2022W\($0)" })
    #expect(asked[sets[4]]?.count == 90 && asked[sets[4]]?.last == "20220228")
    // The month is not over where the source is; periods that have not begun are left out.
    let both = try Self.asked(world, "--pair hmis --data-set MONTH -p THIS_MONTH,MONTHS_THIS_YEAR,202107")
    #expect(both == [sets[0]: ["202203", "202201", "202202", "202107"]])
    let dated = try Self.asked(
      world, "--pair hmis --data-set MONTH -p last_month --relative-period-date 2021-01-31")
    #expect(dated == [sets[0]: ["202012"]])

    let moved = world.run(
      """
      d2-pull --pair hmis -p LAST_3_MONTHS --spool | d2-push --pair hmis --rejects r > /dev/null; say status "${PIPESTATUS[*]}"
      d2-diff --pair hmis -p LAST_3_MONTHS > differences; say equal $?
      d2-diff --pair hmis -p THIS_MONTH --data-set MONTH > differences; say others $?
      """)
    #expect(moved.lines == ["status=0 0", "equal=0", "others=1"], "\(moved.errors)")
    let months: Set<String> = ["202112", "202201", "202202"]
    let differences = world.differences(of: [0]) { months.contains($0["period"]?.string ?? "") }
    #expect(differences.isEmpty, "\(differences)")
    let others = world.content(world.destination, of: [0]) { !months.contains($0["period"]?.string ?? "") }
    #expect(others.isEmpty)
  }

  @Test("without a pair are of the types that the server's data sets have; fixed ids pass")
  func withoutPair() throws {
    let world = try Self.world(.sqlite)
    let sets = world.dataSets
    let scope = "--url $SRC --org-unit $ROOT --children"
    let asked = try Self.asked(
      world, "\(scope) --data-set \(sets[0]),\(sets[1]),\(sets[3]) --period LAST_MONTH,202107")
    #expect(
      asked == [
        sets[0]: ["202202", "202107"], sets[1]: ["2022Q1", "202107"],
        sets[3]: ["2022W5", "2022W6", "2022W7", "2022W8", "2022W9", "202107"],
      ])
    let element = world.metadata.elements(of: sets[0]).sorted()[0]
    #expect(
      try Self.asked(world, "\(scope) --data-element \(element) --period LAST_2_SIXMONTHS") == [
        "": ["2021S1", "2021S2"]
      ])
    let lines = world.run(
      """
      d2-pull \(scope) --data-set \(sets[0]),\(sets[1]) --period LAST_MONTH --quiet | jq -r '.dataSet + " " + .period' | sort -u
      d2-pull \(scope) --data-set \(sets[0]),NoSuchSet00 --period LAST_MONTH --quiet | wc -l; say status "${PIPESTATUS[0]}"
      d2-pull \(scope) --data-set \(sets[0]) --period 202202 --quiet | wc -l
      """
    ).lines
    #expect(Set(lines.prefix(2)) == ["\(sets[0]) 202202", "\(sets[1]) 2022Q1"], "\(lines)")
    #expect(lines.count == 5 && lines[2] == lines[4] && lines[2] != "0" && lines[3] == "status=1", "\(lines)")
  }

  @Test("of weeks and financial years are those of the server's settings", arguments: StoreKind.available)
  func settings(kind: StoreKind) throws {
    for version in [StandInServer.ServerVersion.v42, .v43] {
      let world = try Self.world(kind, version, values: 0)
      let list = "d2-datasets periods --pair hmis --quiet -p"
      let before = world.run("\(list) THIS_FINANCIAL_YEAR,LAST_WEEK | jq -r .id")
      #expect(before.lines == ["2021Oct", "2022W12"], "\(before.errors)")
      try world.change(
        source:
          #"{"systemSettings":{"analyticsFinancialYearStart":"FINANCIAL_YEAR_APRIL","analyticsWeeklyStart":"WEEKLY_SUNDAY"}}"#
      )
      let after = world.run(
        "\(list) THIS_FINANCIAL_YEAR,LAST_WEEK | jq -r .id; \(list) LAST_FINANCIAL_YEAR --type Quarterly | jq -r .id")
      let week = version == .v43 ? "2022SunW12" : "2022W12"
      #expect(
        after.lines == ["2021April", week, "2020Q2", "2020Q3", "2020Q4", "2021Q1"],
        "\(version): \(after.output)\(after.errors)")
      try world.change(source: #"{"systemSettings":{"analyticsFinancialYearStart":"FINANCIAL_YEAR_MAY"}}"#)
      let odd = world.run("d2-datasets periods --pair hmis -p THIS_FINANCIAL_YEAR | jq -r .id")
      #expect(odd.lines == ["2021Oct"] && odd.errors.contains("FINANCIAL_YEAR_MAY"), "\(odd.errors)")
    }
  }

  @Test("plan slices, and name them", arguments: StoreKind.available)
  func slices(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis --data-set MONTH -p LAST_3_MONTHS | jq .added
      periods() { d2-slices list --pair hmis "$@" --format json | jq -r .periods | sort | paste -sd' '; }
      periods; periods --period LAST_MONTH; periods --period LAST_QUARTER,202201; periods --period LAST_10_YEARS
      d2-slices list --pair hmis --period YESTERDAY --format json | wc -l
      d2-slices run --pair hmis --quiet; say status $?
      scripts/reconcile hmis --period LAST_MONTH; say status $?
      states
      """)
    #expect(
      outcome.lines == [
        "3", "202112 202201 202202", "202202", "202112 202201", "202112", "0", "status=0", "status=0",
        "done=2 verified=1",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test("of any date are printed without a server")
  func listing() throws {
    let world = try World(values: 0)
    let from = "--relative-period-date 2024-05-15 --quiet"
    let outcome = world.run(
      """
      ids() { d2-datasets periods \(from) "$@" | jq -r .id | paste -sd' '; }
      ids -p LAST_4_QUARTERS; ids -p LAST_4_QUARTERS --type Yearly; ids -p LAST_3_MONTHS --type Weekly | wc -w
      ids -p LAST_MONTH,THIS_MONTH; ids -p MONTHS_THIS_YEAR | wc -w; ids -p LAST_5_FINANCIAL_YEARS
      d2-datasets periods -p 2024Q1 --type Monthly | jq -r .id | paste -sd' '
      d2-datasets periods -p TODAY --format tsv | tail -1 | cut -f2; date +%F
      d2-datasets periods -p LAST_4_QUARTERS --from 2024-01-01 --to 2024-01-31; say both $?
      d2-datasets periods -p LAST_4_QUARTER; say typo $?
      """)
    #expect(
      outcome.lines.prefix(7) == [
        "2023Q2 2023Q3 2023Q4 2024Q1", "2023 2024", "14", "202404 202405", "12",
        "2018Oct 2019Oct 2020Oct 2021Oct 2022Oct", "202401 202402 202403",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines.count == 11 && outcome.lines[7] == outcome.lines[8], "\(outcome.output)")
    #expect(outcome.lines.suffix(2) == ["both=64", "typo=64"])
    #expect(outcome.errors.contains("did you mean LAST_4_QUARTERS?"), "\(outcome.errors)")
  }

  @Test("are refused where they mean nothing")
  func refused() throws {
    let world = try Self.world(.sqlite, values: 0)
    for (script, words) in [
      ("d2-pull --pair hmis -p LAST_CHRISTMAS", "LAST_3_MONTHS"),
      ("d2-pull --pair hmis -p LAST_3_MONTH", "did you mean"),
      ("d2-slices plan --pair hmis -p LAST_3_MONTH", "did you mean"),
      ("d2-pull --pair hmis -y 2022 --relative-period-date 2022-01-01", "goes with a relative period"),
      (
        "d2-pull --url $SRC --data-set $DS --org-unit $ROOT --period 202201 --relative-period-date 2022-01-01",
        "goes with"
      ),
      ("d2-pull --pair hmis -p LAST_MONTH -y 2022", "exclude each other"),
    ] {
      let outcome = world.run("\(script) --quiet; echo $?")
      #expect(
        outcome.lines == ["64"] && outcome.errors.contains(words), "\(script): \(outcome.output)\(outcome.errors)")
    }
    for server in ["source", "destination"] {
      let change = #"{"calendar":"ethiopian"}"#
      if server == "source" { try world.change(source: change) } else { try world.change(destination: change) }
    }
    for script in [
      "d2-pull --pair hmis -p LAST_MONTH", "d2-pull --pair hmis -p 201613,LAST_MONTH",
      "d2-slices plan --pair hmis -p LAST_MONTH",
      "d2-diff --pair hmis -p LAST_MONTH",
      "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --period LAST_MONTH",
      "d2-datasets periods --pair hmis -p LAST_MONTH",
    ] {
      let outcome = world.run("\(script) --quiet; echo $?")
      #expect(outcome.lines == ["64"], "\(script): \(outcome.output)\(outcome.errors)")
      #expect(outcome.errors.contains("ethiopian") || outcome.errors.contains("LAST_"), "\(outcome.errors)")
    }
    #expect(world.destination.values.isEmpty)
  }
}
