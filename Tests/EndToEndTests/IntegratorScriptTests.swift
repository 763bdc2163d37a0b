import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// scripts/integrator, on what people have who come from the Python tool: its database, its options.
@Suite("scripts/integrator", .waiting)
struct IntegratorScriptTests {
  @Test(
    "-d -y 2022 -q 1 delivers what the source holds of the quarter, in each data set's own periods",
    arguments: World.integratorStores)
  func quarter(python: Bool) throws {
    let world = try World(python: python)
    let outcome = world.run(
      "scripts/integrator -d -y 2022 -q 1; echo $?; scripts/integrator --direct_sync --year=2022 --quarter 1 | tail -1 | cut -d' ' -f3-; children | wc -l; ls tmp | wc -l"
    )
    let lines = outcome.lines
    let differences = world.differences(python: python, where: World.isInFirstQuarter)
    #expect(differences == [])
    #expect(lines.suffix(4) == ["0", "all went well", "0", "0"], "\(outcome.output)\(outcome.errors)")
    #expect(lines.contains { $0.contains("slice done") && $0.contains("Quarterly staff return") })
    #expect(lines.contains { $0.contains("in all: ") })
    guard python else { return }
    // Duplicate rows are merged, and nothing is lost.
    #expect(
      try world.store.rows("SELECT id, source, is_active FROM integration_pair ORDER BY id") == [
        "1|national|t", "3|odd|f", "4|NULL|f",
      ])
    #expect(
      try world.store.rows(
        "SELECT count(*) FROM sync_datasets WHERE integration_pair_id = 1 AND dataset_id IS NOT NULL") == ["6"])
    #expect(try world.store.rows("SELECT priority FROM orgunits WHERE dhis2_id = '\(world.root)'") == ["3"])
  }

  @Test("both stores: the same destination")
  func same() throws {
    guard StoreKind.hasPostgreSQL else { return }
    var held: [[String]] = []
    for python in [true, false] {
      let world = try World(python: python, values: 600)
      #expect(
        world.run(
          "d2-pairs upgrade; scripts/integrator -d -y 2022 -m 5 > /dev/null; d2-datasets set --pair 1 --include-deleted on all; scripts/integrator -d -y 2022 -m 5"
        ).status == 0)
      held.append(World.content(world.destination))
    }
    #expect(World.differences(held[0], held[1]) == [])
  }

  @Test("the options of the Python tool, short and long, mean what they meant", arguments: World.oneIntegratorStore)
  func options(python: Bool) throws {
    let world = try World(python: python, values: 0)
    let zone = world.metadata.organisationUnits.first { $0.level == 4 }!
    let today = CalendarDate(localAt: .now)
    let sets = world.run(
      "d2-pairs upgrade; d2-datasets sync --pair 1 > /dev/null; d2-datasets disable --pair 1 QUARTER YEAR WEEK DAY PARTNER"
    )
    #expect(sets.status == 0, "\(sets.errors)")
    func planned(_ options: String, _ kind: PeriodType) throws -> [String] { try self.planned(options, kind, world) }
    let root = world.root
    let quarter = ["202201", "202202", "202203"].map { "\($0) \(root)" }
    for options in [
      "-y 2022 -q 1", "-y2022 -q1", "--year=2022 --quarter=1", "--year 2022 --quarter 1", "-p 2022Q1",
      "--period=2022Q1",
    ] {
      #expect(try planned(options, .monthly) == quarter, "\(options)")
    }
    for options in ["-y 2022 -m 2", "--year=2022 --month=2"] {
      #expect(try planned(options, .monthly) == ["202202 \(root)"], "\(options)")
    }
    #expect(try planned("-p 20220215", .monthly) == ["202202 \(root)"])
    for options in ["-y 2022 -m 2 -l '\(zone.name)'", "-y 2022 -m 2 --district_list=\(zone.uid)"] {
      #expect(try planned(options, .monthly) == ["202202 \(zone.uid)"], "\(options)")
    }
    let month = "\(today.year)\(today.month < 10 ? "0" : "")\(today.month)"
    for options in ["-c", "--current_date", "-n 0", "--days_back=0"] {
      #expect(try planned(options, .monthly) == ["\(month) \(root)"], "\(options)")
    }
    #expect(try planned("", .monthly).count == today.month, "the year so far")
    #expect(try planned("-i", .monthly) == [" \(root)"], "never delivered: all of it")
    #expect(try planned("--incremental", .monthly).count == 1)
    // The Python tool's -i took an argument, whatever it was.
    for options in ["-i x", "-ix", "-i 1 -l '\(zone.name)'", "-id"] {
      let unit = options.contains("-l") ? zone.uid : root
      let slices = try planned(options, .monthly)
      #expect(slices.count == 1 && slices[0].hasSuffix(" since \(unit)"), "\(options): \(slices)")
    }
    // It took a month and a quarter together: each data set its own.
    for options in ["-y 2022 -m 5 -q 1", "--quarter=1 --year 2022 --month=5"] {
      #expect(try planned(options, .monthly) == ["202205 \(root)"], "\(options)")
      #expect(world.run("d2-datasets enable --pair 1 QUARTER YEAR").status == 0)
      #expect(try planned(options, .quarterly) == ["2022Q1 \(root)"], "\(options)")
      #expect(try planned(options, .yearly) == ["2022 \(root)"], "\(options)")
      #expect(world.run("d2-datasets disable --pair 1 QUARTER YEAR").status == 0)
    }
  }

  /// The plan of some options for the data set of a period type.
  private func planned(_ options: String, _ kind: PeriodType, _ world: World) throws -> [String] {
    let set = world.metadata.dataSets.first { $0.periodType == kind }!.uid
    let outcome = world.run(
      """
      d2-slices reset --pair 1 --all --remove --yes --quiet
      scripts/integrator -d \(options) > out 2>&1
      echo $?
      d2-slices list --pair 1 | jq -r 'select(.dataSet == "\(set)")
        | .periods + (if .since != null and .since != "" then " since" else "" end) + " " + .orgUnits[0]' | sort
      """)
    #expect(outcome.lines.first == "0", "\(options): \(world.shell.file("out"))")
    return Array(outcome.lines.dropFirst())
  }

  @Test("help and invalid options", arguments: World.oneIntegratorStore)
  func invalidOptions(python: Bool) throws {
    let world = try World(python: python, values: 0)
    #expect(world.run("d2-pairs upgrade").status == 0)
    let help = world.run("scripts/integrator -h | head -1; scripts/integrator --help | grep -c -- --district_list")
    #expect(help.lines == ["scripts/integrator - move the data of all active pairs", "1"])
    for options in ["--nonsense", "-y 2022 extra", "-iy2022", "-y '' -d", "-d -y 20222"] {
      let outcome = world.run("scripts/integrator \(options)")
      #expect(outcome.status == 64, "\(options): \(outcome.output)\(outcome.errors)")
    }
    let none = world.run("d2-pairs disable 1; scripts/integrator -d")
    #expect(none.status == 78, "\(none.output)\(none.errors)")
  }

  @Test("-i twice: the second brings what changed since", arguments: World.integratorStores)
  func incremental(python: Bool) throws {
    let world = try World(python: python, values: 400)
    let outcome = world.run(
      "scripts/integrator -d -i > out; echo $?; d2-slices list --pair 1 | jq -s -c '[length, (map(.since) | unique)]'")
    #expect(outcome.lines == ["0", #"[6,[null]]"#], "\(outcome.output)\(outcome.errors)\(world.shell.file("out"))")
    let value = try #require(
      World.content(world.source).first { $0.contains(#""value":"1"#) && !$0.contains(#""deleted":true"#) })
    try world.source.load(values: value.replacing(#""value":"1"#, with: #""value":"3"#))
    let again = world.run(
      "scripts/integrator -d -i > out; echo $?; d2-slices list --pair 1 | jq -s -c 'map(select(.since)) | length'")
    #expect(again.lines == ["0", "6"], "\(again.output)\(again.errors)\(world.shell.file("out"))")
    let changed = value.replacing(#""value":"1"#, with: #""value":"3"#)
    #expect(World.content(world.destination).filter { $0 == changed } == [changed])
  }

  @Test(
    "every value of every period and kind: the last ones, daily ones, 29 February, comments, past quarters, the root unit",
    arguments: World.oneIntegratorStore)
  func everything(python: Bool) throws {
    let world = try World(python: python, .v42, .v43, values: 0, years: 2023...2024)
    let units = world.metadata.organisationUnits.filter { $0.level == 5 && $0.closed == nil }
    let sets = world.metadata.dataSets
    func element(_ set: Int) -> String { world.metadata.elements(of: sets[set].uid).first! }
    // A number of values that no batch divides; the daily set has its own units.
    var lines = ""
    let number = world.metadata.dataElements.first { $0.name == "Litres used 1" }!.uid
    let stock = world.metadata.dataElements.first { $0.name == "Stock balance 1" }!.uid
    func add(_ element: String, _ period: String, _ unit: String, _ more: String = "") {
      lines +=
        #"{"dataElement":"\#(element)","period":"\#(period)","orgUnit":"\#(unit)","value":"\#(lines.utf8.count % 89 + 1)"\#(more)}"#
        + "\n"
    }
    for month in ["202401", "202402", "202403"] {
      for unit in units.prefix(37) { add(number, month, unit.uid, #","comment":"it's \"odd\" — 🏥","followup":true"#) }
    }
    let daily = sets[4].units.map { world.metadata.organisationUnits[$0].uid }
    for day in ["20240101", "20240131", "20240228", "20240229", "20240301", "20240331"] {
      for unit in daily { add(stock, day, unit) }
    }
    try world.source.load(values: lines)
    let outcome = world.run(
      """
      scripts/integrator -d -y 2024 -q 1 > out; echo $?
      for quarter in 1 2 3 4; do scripts/integrator -d -y 2023 -q $quarter > more; echo $?; done
      d2-slices list --pair 1 | jq -r .periods | grep '^2023Q' | sort | tr '\\n' ' '
      """)
    #expect(
      outcome.lines == ["0", "0", "0", "0", "0", "2023Q1 2023Q2 2023Q3 2023Q4 "],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("out"))")
    let differences = world.differences(deleted: false)
    #expect(differences == [])
    let held = world.destination.values.split(separator: "\n")
    #expect(held.count == 3 * 37 + 6 * daily.count)
    #expect(held.count { $0.contains("20240229") } == daily.count && held.count { $0.contains("🏥") } == 111)
  }

  @Test(
    "deleted values are deleted at the destination, where the data set says so", arguments: World.oneIntegratorStore)
  func deletions(python: Bool) throws {
    let world = try World(python: python, values: 500)
    _ = world.run(
      "d2-pairs upgrade; scripts/integrator -d -y 2022 > /dev/null; d2-datasets set --pair 1 --include-deleted on all > /dev/null"
    )
    let live = World.content(world.destination).filter { $0.contains(#""deleted":false"#) }
    let gone = Array(live.prefix(20))
    try world.source.load(
      values: gone.map { $0.replacing(#""deleted":false"#, with: #""deleted":true"#) }.joined(separator: "\n"))
    let outcome = world.run("scripts/integrator -d -y 2022")
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    let left = Set(World.content(world.destination).filter { $0.contains(#""deleted":false"#) })
    #expect(!live.isEmpty && left.intersection(gone).isEmpty && left.count == live.count - gone.count)
  }

  @Test(
    "--dry-run says of each pair what would be fetched, planned and moved, and changes nothing",
    arguments: World.integratorStores)
  func dryRun(python: Bool) throws {
    let world = try World(python: python, values: 600)
    if python {
      // Unchanged: nothing is merged or moved, but it reports what would be moved.
      let before = try (PythonStore.schemaLines(world.store), PythonStore.dataLines(world.store))
      let outcome = world.run(
        "scripts/integrator -d -y 2022 -q 1 --dry-run > out; echo $?; grep -c 'pair 1: 3 slices would be moved' out")
      #expect(outcome.lines == ["0", "1"], "\(outcome.errors)\(world.shell.file("out"))")
      #expect(try PythonStore.schemaLines(world.store) == before.0)
      #expect(try PythonStore.dataLines(world.store) == before.1)
    }
    _ = world.run("d2-pairs upgrade")
    func held() throws -> [String] {
      try ["integration_pair", "sync_datasets", "orgunits", "slices", "sync_windows"].flatMap {
        try world.store.rows("SELECT * FROM \($0) ORDER BY id")
      }
    }
    let integrator = "scripts/integrator -y 2022 -q 1 --dry-run"
    let nothing = "all went well; nothing of this was done"
    let before = try held()
    let first = world.run(
      """
      \(integrator) -d > out; say status $?
      say plan "$(tail -n 2 out | head -n 1 | cut -d' ' -f3-)"
      say end "$(tail -n 1 out | cut -d' ' -f3-)"
      """)
    #expect(first["status"] == "0", "\(first.errors)\(world.shell.file("out"))")
    let plan =
      python
      ? "pair 1: 3 slices would be moved"
      : "pair 1: slices would be planned after that: the store has 0 active organisation units and 0 active data sets now"
    #expect(first["plan"]?.hasPrefix(plan) == true, "\(world.shell.file("out"))")
    #expect(first["end"] == nothing)
    #expect(first.errors.contains("60 organisation units at ") && first.errors.contains("6 data sets at "))
    #expect(try held() == before)
    let would = """
      direct() { \(integrator) -d | cut -d' ' -f3- | sed -n 2,3p; }

      """
    let second = world.run(
      would + """
        d2-orgunits sync --pair 1 --quiet > /dev/null; d2-datasets sync --pair 1 --quiet > /dev/null
        direct; \(integrator) | cut -d' ' -f3- | sed -n 2p
        say slices $(d2-slices list --pair 1 | wc -l)
        """)
    #expect(world.destination.values.isEmpty)
    let moved = world.run(
      would + """
        scripts/integrator -d -y 2022 -q 1 > out; say status $?
        say moved $(grep -o 'of [0-9]* slices done' <(grep 'in all' out) | cut -d' ' -f2)
        d2-slices list --pair 1 | sort > before
        direct; d2-slices list --pair 1 | sort | cmp - before
        """)
    let count = moved["moved"] ?? "none"
    let moving = "pair 1: \(count) slices would be moved from national to repo, 3 at a time"
    let straight = "\(moving), straight to the destination; nothing was changed"
    let queued = "\(moving), through dispatcher2; nothing was changed"
    #expect(second.lines == [straight, nothing, queued, "slices=0"], "\(second.errors)")
    #expect(moved.lines == ["status=0", "moved=\(count)", straight, nothing], "\(moved.errors)")
  }
}
