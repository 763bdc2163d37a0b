import D2Common
import Glibc
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// scripts/integrator, on what people have who come from the Python tool: its database, its options, its dispatcher.
@Suite("scripts/integrator", .waiting)
struct IntegratorScriptTests {
  typealias Flavour = DispatcherOptions.Flavour

  private static let available: [Bool] = StoreKind.hasPostgreSQL ? [true, false] : [false]

  // MARK: A whole run

  @Test(
    "-d -y 2022 -q 1 delivers what the source holds of the quarter, in each data set's own periods",
    arguments: available)
  func quarter(python: Bool) throws {
    let world = try World(python: python)
    let outcome = world.run(
      "scripts/integrator -d -y 2022 -q 1; echo $?; scripts/integrator --direct_sync --year=2022 --quarter 1 | tail -1 | cut -d' ' -f3-; children | wc -l; ls tmp | wc -l"
    )
    let lines = outcome.lines
    let differences = world.differences(deleted: true) {
      World.isInFirstQuarter($0)
        && ($0["deleted"] != true
          || python
            && world.metadata.elements(of: world.metadata.dataSets[0].uid).contains($0["dataElement"]?.string ?? ""))
    }
    #expect(differences == [])
    #expect(lines.suffix(4) == ["0", "all went well", "0", "0"], "\(outcome.output)\(outcome.errors)")
    #expect(lines.contains { $0.contains("slice done") && $0.contains("Quarterly staff return") })
    #expect(lines.contains { $0.contains("in all: ") })
    guard python else { return }
    // What stood twice is one, and nothing was lost.
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

  @Test("the options of the Python tool, short and long, mean what they meant", arguments: available)
  func options(python: Bool) throws {
    let world = try World(python: python, values: 0)
    let zone = world.metadata.organisationUnits.first { $0.level == 4 }!
    let today = CalendarDate(localAt: .now)
    let sets = world.run(
      "d2-pairs upgrade; d2-datasets sync --pair 1 > /dev/null; d2-datasets disable --pair 1 QUARTER YEAR WEEK DAY PARTNER"
    )
    #expect(sets.status == 0, "\(sets.errors)")
    func planned(_ options: String, _ kind: PeriodType) throws -> [String] {
      let outcome = world.run(
        """
        d2-slices reset --pair 1 --all --remove --yes --quiet; scripts/integrator -d \(options) > out 2>&1; echo $?
        d2-slices list --pair 1 | jq -r 'select(.dataSet == "\(world.metadata.dataSets.first { $0.periodType == kind }!.uid)") | .periods + (if .since != null and .since != "" then " since" else "" end) + " " + .orgUnits[0]' | sort
        """)
      #expect(outcome.lines.first == "0", "\(options): \(world.shell.file("out"))")
      return Array(outcome.lines.dropFirst())
    }
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
    let others = world.run(
      """
      scripts/integrator -h | head -1; scripts/integrator --help | grep -c -- --district_list; scripts/integrator --nonsense; echo $?
      scripts/integrator -y 2022 extra; echo $?; scripts/integrator -iy2022; echo $?; scripts/integrator -y '' -d > /dev/null; echo $?; scripts/integrator -d -y 20222 > /dev/null; echo $?
      d2-pairs disable 1; scripts/integrator -d; echo $?
      """)
    #expect(others.lines.first == "scripts/integrator - move the data of all active pairs")
    #expect(
      others.lines.dropFirst().filter { !$0.contains("no pair is active") } == [
        "1", "64", "64", "64", "64", "64", "78",
      ],
      "\(others.output)\(others.errors)")
  }

  @Test("-i twice: the second brings what changed since", arguments: available)
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

  @Test("interrupted and begun again, it goes on where it was", arguments: available, ["TERM", "KILL"])
  func resumes(python: Bool, signal: String) throws {
    let world = try World(python: python, values: 1000)
    try world.fail(source: #"{"kind":"latency","seconds":0.3,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      setsid scripts/integrator -d -y 2022 -q 1 > first 2>&1 & script=$!
      await '[ "$(d2-slices list --pair 1 --state done 2>/dev/null | wc -l)" -ge 3 ]'
      if [[ \(signal) = KILL ]]; then kill -9 -- -$script; else kill -TERM $script; fi; wait $script; echo $?
      await '[ $(children | wc -l) = 0 ]'; d2-slices list --pair 1 --state done | jq .id | sort > before
      [ $(wc -l < before) -lt 16 ] && echo some
      # As time would.
      [[ $D2_STORE != postgres* ]] || psql -X -q "$D2_STORE" -c "UPDATE slices SET lease_until = 1 WHERE state = 'leased'"
      [[ $D2_STORE == postgres* ]] || sqlite3 "$D2_STORE" "UPDATE slices SET lease_until = 1 WHERE state = 'leased'"
      heal $SRC; scripts/integrator -d -y 2022 -q 1 > second 2>&1; echo $?
      d2-slices list --pair 1 --state done | jq -s -c --slurpfile b before 'map(select(.id as $i | $b | index($i))) | all(.attempt == 1)'
      """)
    #expect(
      outcome.lines == [signal == "KILL" ? "137" : "143", "some", "0", "true"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("second"))")
    let includes = world.metadata.elements(of: world.metadata.dataSets[0].uid)
    let differences = world.differences(deleted: true) {
      World.isInFirstQuarter($0)
        && ($0["deleted"] != true || python && includes.contains($0["dataElement"]?.string ?? ""))
    }
    #expect(differences == [])
  }

  // MARK: Runs beside and after each other

  private static func isInMonths(_ value: JSONValue, _ months: ClosedRange<Int>) -> Bool {
    guard let period = value["period"]?.string.flatMap({ Period(id: $0) }) else { return false }
    let last = CalendarDate(year: 2022, month: months.upperBound + 1, day: 1)!
    return period.start < last && period.end >= CalendarDate(year: 2022, month: months.lowerBound, day: 1)!
  }

  @Test("two runs at once, of other months, each do their own and end well", arguments: available)
  func beside(python: Bool) throws {
    let world = try World(python: python, values: 1500)
    try world.fail(source: #"{"kind":"latency","seconds":0.2,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      scripts/integrator -d -y 2022 -m 5 > five 2>&1 & five=$!
      scripts/integrator -d -y 2022 -m 6 > six 2>&1 & six=$!
      wait $five; echo $?; wait $six; echo $?; tail -qn 1 five six | cut -d' ' -f3-
      d2-slices list --pair 1 | jq -r .state | sort -u
      d2-slices list --pair 1 | jq -r .periods | grep -c '^20220[56]$'; grep -c 'NOT MOVED' five six
      """)
    let lines = outcome.lines
    #expect(
      lines.prefix(4) == ["0", "0", "all went well", "all went well"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("five"))\(world.shell.file("six"))")
    #expect(lines.dropFirst(4) == ["done", "4", "five:0", "six:0"], "\(lines)")
    let includes = world.metadata.elements(of: world.metadata.dataSets[0].uid)
    let differences = world.differences(deleted: true) {
      Self.isInMonths($0, 5...6)
        && ($0["deleted"] != true || python && includes.contains($0["dataElement"]?.string ?? ""))
    }
    #expect(differences == [])
  }

  @Test(
    "what a run parked is no matter of a run of other months; the next one of its own tries it again",
    arguments: available)
  func parked(python: Bool) throws {
    let world = try World(python: python, values: 1000)
    let june = "scripts/integrator -d -y 2022 -m 6"
    let first = world.run("\(june) > out; echo $?")
    #expect(first.lines == ["0"], "\(world.shell.file("out"))")
    // As a run leaves it that was ended after it had parked one and before it had done another.
    let database = try world.store.connect()
    let sets = world.metadata.dataSets
    for (set, state) in [(sets[0], "failed"), (sets[5], "waiting")] {
      #expect(
        try database.execute(
          "UPDATE slices SET state = $1, last_error = 'd2-pull: no' WHERE periods = '202206' AND dataset_id = $2",
          [.text(state), .text(set.uid)]) == 1)
    }
    let other = world.run(
      "scripts/integrator -d -y 2022 -m 5 > out; echo $?; grep -c -e FAILED -e 'NOT MOVED' out; d2-slices list --pair 1 --state failed | wc -l"
    )
    #expect(other.lines == ["0", "0", "1"], "\(other.output)\(other.errors)\(world.shell.file("out"))")
    let again = world.run(
      "curl -sf -X DELETE $DST/control/values > /dev/null; \(june) > out; echo $?; grep -c -e FAILED -e 'NOT MOVED' out; d2-slices list --pair 1 | jq -r .state | sort -u"
    )
    #expect(
      again.lines == ["0", "0", "done"], "\(again.output)\(again.errors)\(world.shell.file("out"))")
    let includes = world.metadata.elements(of: sets[0].uid)
    let differences = world.differences(of: [0, 5], deleted: true) {
      $0["period"] == "202206"
        && ($0["deleted"] != true || python && includes.contains($0["dataElement"]?.string ?? ""))
    }
    #expect(differences == [])
  }

  @Test("stores that have one name in two folders do not share a folder of refused values")
  func rejectsFolders() throws {
    let world = try World(python: false, values: 800)
    let unit = world.metadata.organisationUnits.last!.uid
    try world.destination.change(metadata: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let outcome = world.run(
      """
      mkdir one two; cp $D2_STORE one/d2.sqlite; cp $D2_STORE two/d2.sqlite; export D2_STORE=d2.sqlite
      for store in one two; do (cd $store; ../scripts/integrator -d -y 2022 -q 1 > out; echo $?; D2_STORE=$PWD/d2.sqlite ../scripts/integrator -d -y 2022 -q 1 > out; echo $?); done
      ls -d state/d2/rejects/*/pair-1 | wc -l; cat state/d2/rejects/*/pair-1/*.ndjson | jq -r .value.orgUnit | sort -u
      """)
    #expect(outcome.lines == ["1", "1", "1", "1", "2", unit], "\(outcome.output)\(outcome.errors)")
  }

  // MARK: Through the queue

  @Test("without -d the values go through the queue, whichever it is, and arrive", arguments: Flavour.allCases)
  func queued(flavour: Flavour) throws {
    let world = try World(python: StoreKind.hasPostgreSQL, values: 600, queue: flavour)
    let outcome = world.run("scripts/integrator -y 2022 -m 5", world.queueEnvironment)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    world.waitForDelivery()
    let day = CalendarDate(year: 2022, month: 5, day: 15)!
    _ = day
    let differences = world.differences(deleted: false) {
      guard let period = $0["period"]?.string.flatMap({ Period(id: $0) }) else { return false }
      return period.start <= CalendarDate(year: 2022, month: 5, day: 31)!
        && period.end >= CalendarDate(year: 2022, month: 5, day: 1)!
    }
    #expect(differences == [])
    #expect(!world.queue.requests.isEmpty)
  }

  @Test("-i through the queue: what was only queued is asked for again by the next one", arguments: Flavour.allCases)
  func queuedIncrement(flavour: Flavour) throws {
    let world = try World(python: false, values: 400, queue: flavour)
    let i = "scripts/integrator -i > out; echo $?"
    let list =
      "d2-slices list --pair 1 | jq -s -c '[length, all(.state == \"done\" and .since == null), (map(.queued) | add > 0)]'"
    let marks = "d2-datasets list --pair 1 | jq -s -c 'map(select(.syncedThrough == null)) | length > 0'"
    let first = world.run("\(i); \(list); \(marks)", world.queueEnvironment)
    #expect(first.lines == ["0", "[6,true,true]", "true"], "\(first.output)\(first.errors)\(world.shell.file("out"))")
    world.waitForDelivery()
    // As a queue that loses what it holds.
    let held = world.destination.values.split(separator: "\n").count
    let second = world.run(
      "curl -sf -X DELETE $DST/control/values > /dev/null; \(i); \(marks)", world.queueEnvironment)
    #expect(second.lines == ["0", "true"], "\(second.output)\(second.errors)\(world.shell.file("out"))")
    world.waitForDelivery()
    let again = world.destination.values.split(separator: "\n").count
    #expect(again == held && held > 0, "\(again) instead of \(held)")
    // What is delivered directly moves the mark.
    let direct = world.run("scripts/integrator -d -i > out; echo $?; \(marks)")
    #expect(direct.lines == ["0", "false"], "\(direct.output)\(direct.errors)\(world.shell.file("out"))")
  }

  @Test("a queue that is not there is reported, and nothing is taken for done")
  func noQueue() throws {
    let world = try World(python: false, values: 200)
    let outcome = world.run(
      "scripts/integrator -y 2022 -m 5; echo $?; d2-slices list --pair 1 --state done | jq 'select(.pulled > 0)' | wc -l",
      ["D2_DISPATCHER_URL": "http://127.0.0.1:1/queue", "D2_GIVE_UP_AFTER": "1s", "D2_DISPATCHER": "go-dispatcher2"])
    #expect(
      outcome.lines.suffix(2) == ["75", "0"],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.output.contains("NOT MOVED"))
    #expect(world.destination.values.isEmpty)
  }

  // MARK: What the Python tool got wrong

  @Test("each end has its own configuration, and a token is a way in", arguments: available)
  func tokens(python: Bool) throws {
    let token = "d2pat_5xVA12xyUbWNedQxy4ohH77WlxRGVvZZ1151814092"
    let world = try World(python: python, values: 300, tokens: [token])
    let set =
      python
      ? #"UPDATE integration_pair SET destination_config = '{"use_pat": "true", "pat": "\#(token)", "username": "admin", "password": "wrong", "api_url": "\#(world.destination.url)/api"}' WHERE id = 1"#
      : ""
    if python { try world.store.connect().executeScript(set) }
    let outcome = world.run(
      """
      [[ -n "\(python ? "python" : "")" ]] || { echo \(token) > pat; d2-pairs set hmis --destination-pat file:$PWD/pat > /dev/null; }
      scripts/integrator -d -y 2022 -m 5 > out; echo $?; grep -c \(token) out
      """)
    #expect(outcome.lines == ["0", "0"], "\(outcome.output)\(outcome.errors)\(world.shell.file("out"))")
    #expect(!world.destination.values.isEmpty && !outcome.errors.contains(token))
    let used = (world.destination.statistics["recent"]?.array ?? []).compactMap { $0["authorization"]?.string }
    #expect(used.contains { $0.hasPrefix("ApiToken") } || world.destination.statistics["tokenChecks"]?.int ?? 0 > 0)
  }

  @Test(
    "--dry-run says of each pair what would be fetched, planned and moved, and changes nothing", arguments: available)
  func dryRun(python: Bool) throws {
    let world = try World(python: python, values: 600)
    if python {
      // As it is: what would be folded is not, but what would be moved is said all the same.
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
    let nothing = "all went well; of what was said nothing was done"
    let before = try held()
    let first = world.run("\(integrator) -d > out; echo $?; cut -d' ' -f3- out | tail -n 2")
    #expect(
      first.lines.first == "0" && first.lines.last == nothing
        && first.lines[1].hasPrefix(
          python
            ? "pair 1: 3 slices would be moved"
            : "pair 1: slices would be planned behind that: the store has 0 active organisation units and 0 active data sets now"
        ),
      "\(first.output)\(first.errors)\(world.shell.file("out"))")
    #expect(first.errors.contains("60 organisation units at ") && first.errors.contains("6 data sets at "))
    #expect(try held() == before)
    let second = world.run(
      """
      d2-orgunits sync --pair 1 --quiet > /dev/null; d2-datasets sync --pair 1 --quiet > /dev/null
      \(integrator) -d | cut -d' ' -f3- | sed -n 2,3p; \(integrator) | cut -d' ' -f3- | sed -n 2p; d2-slices list --pair 1 | wc -l
      """)
    #expect(world.destination.values.isEmpty && second.lines.count == 4, "\(second.output)\(second.errors)")
    let moved = world.run(
      """
      scripts/integrator -d -y 2022 -q 1 > out; echo $?; grep -o 'of [0-9]* slices done' <(grep 'in all' out) | cut -d' ' -f2
      d2-slices list --pair 1 | sort > before; \(integrator) -d | cut -d' ' -f3- | sed -n 2,3p; d2-slices list --pair 1 | sort | cmp - before
      """)
    let count = moved.lines.count > 1 ? moved.lines[1] : "?"
    let would = "pair 1: \(count) slices would be moved from "
    #expect(moved.lines.first == "0" && second.lines.last == "0", "\(moved.output)\(moved.errors)\(second.output)")
    #expect(
      second.lines[0].hasPrefix(would) && second.lines[1] == nothing && second.lines[2].hasPrefix(would)
        && second.lines[0].hasSuffix(", 3 at a time, straight to the destination; nothing was changed")
        && second.lines[2].hasSuffix(", 3 at a time, through dispatcher2; nothing was changed"), "\(second.output)")
    #expect(moved.lines.dropFirst(2) == second.lines[...1], "\(moved.output)\(moved.errors)")
  }

  @Test("a refused value makes the status 1, and is kept; all others arrive", arguments: available)
  func refused(python: Bool) throws {
    let world = try World(python: python, values: 800)
    let unit = world.metadata.organisationUnits.last!.uid
    try world.destination.change(metadata: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let outcome = world.run(
      """
      scripts/integrator -d -y 2022 -q 1 > out; echo $?; cat state/d2/rejects/*/pair-1/*.ndjson | jq -r .value.orgUnit | sort -u
      grep -c 'values that were not taken' out; tail -1 out | cut -d' ' -f3-
      """)
    #expect(outcome.lines == ["1", unit, "1", "not all went well: status 1"], "\(outcome.output)\(outcome.errors)")
    let includes = world.metadata.elements(of: world.metadata.dataSets[0].uid)
    let differences = world.differences(deleted: true) {
      World.isInFirstQuarter($0) && $0["orgUnit"]?.string != unit
        && ($0["deleted"] != true || python && includes.contains($0["dataElement"]?.string ?? ""))
    }
    #expect(differences == [])
  }

  @Test("a batch that fails is tried again; one that goes on failing is reported, not skipped", arguments: available)
  func failing(python: Bool) throws {
    let world = try World(python: python, values: 400)
    try world.fail(destination: #"{"kind":"status","status":503,"times":2,"path":"/api/dataValueSets"}"#)
    let passing = world.run("scripts/integrator -d -y 2022 -m 5 > out; echo $?")
    #expect(passing.lines == ["0"], "\(passing.errors)")
    // A period whose values cannot be read at all.
    try world.fail(
      source: #"{"kind":"status","status":500,"times":0,"path":"/api/dataValueSets","query":"period=202206"}"#)
    let failing = world.run(
      "scripts/integrator -d -y 2022 -m 6 > out 2>&1; echo $?; grep -c 'NOT MOVED' out; grep -c FAILED out",
      ["D2_GIVE_UP_AFTER": "5s"])
    #expect(
      failing.lines.first.map { ["1", "75"].contains($0) } == true,
      "\(failing.output)\(world.shell.file("out").suffix(3000))")
    #expect(
      Int(failing.lines.dropFirst().first ?? "") ?? 0 >= 2,
      "two data sets are monthly: \(world.shell.file("out").suffix(3000))")
    world.source.clearFaults()
    let healed = world.run("scripts/integrator -d -y 2022 -m 6 > out 2>&1; echo $?")
    #expect(healed.lines == ["0"], "\(world.shell.file("out"))")
  }

  @Test(
    "every value of every period and kind: the last ones, daily ones, 29 February, comments, past quarters, the root unit",
    arguments: available)
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

  @Test("deleted values are deleted at the destination, where the data set says so", arguments: available)
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

  @Test("TLS is verified: a source with a certificate of its own making is not believed", arguments: available)
  func tls(python: Bool) throws {
    let world = try World(python: python, values: 200)
    world.shell.write(
      "proxy.py",
      #"""
      import socket, ssl, sys, threading
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain("server.pem")
      listener = socket.create_server(("127.0.0.1", 0))
      open("port", "w").write(str(listener.getsockname()[1]))
      while True:
          plain, _ = listener.accept()
          try: context.wrap_socket(plain, server_side=True).close()
          except OSError: pass
      """#)
    let outcome = world.run(
      """
      openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 2>/dev/null; cat crt key > server.pem
      python3 proxy.py & trap "kill $!" EXIT; await '[ -s port ]'
      d2-pairs upgrade; d2-pairs set 1 --source-url https://localhost:$(cat port) > /dev/null
      scripts/integrator -d -y 2022 -m 5 > out 2>&1; echo $?; grep -ci certificate out
      """)
    #expect(
      outcome.lines.first == "69" && Int(outcome.lines.last ?? "") ?? 0 > 0,
      "\(outcome.output)\(outcome.errors)\(world.shell.file("out"))")
    #expect(world.destination.values.isEmpty)
  }
}

/// Two servers and a store with a pair of them that is the only active one.
extension World {
  /// - Parameter python: whether the store is a database of the Python tool; else the pair is added by d2-pairs.
  fileprivate convenience init(
    python: Bool = true, _ from: Version = .v42, _ to: Version = .v42, values: Int = 1500,
    years: ClosedRange<Int> = 2022...2022, tokens: [String] = [], queue: DispatcherOptions.Flavour? = nil,
    environment: [String: String] = [:]
  ) throws {
    try self.init(
      from, to, values: values, store: python ? PythonStore.make() : TestStore(.sqlite), queue: queue,
      environment: ["D2_RETRY_AFTER": "0.1s", "D2_JOBS": "3"].merging(environment) { $1 }
    ) {
      $0.years = years
      $0.superuserTokens = tokens
    }
    prepareScripts()
    guard python else {
      let added = run("\(Self.addPair) --source-name national --destination-name repo > /dev/null")
      guard added.status == 0 else { fatalError("no pair: \(added.errors)") }
      return
    }
    try store.connect().executeScript(pythonRows)
  }

  /// As the Python tool left them: booleans as strings, rows twice, inactive pairs, what was never filled in.
  private var pythonRows: String {
    let source =
      "\"use_pat\": \"false\", \"username\": \"admin\", \"password\": \"district\", \"api_url\": \"\(source.url)/api\", \"pat\": \"\""
    let destination =
      "\"use_pat\": false, \"username\": \"admin\", \"password\": \"district\", \"api_url\": \"\(destination.url)/api/\""
    return """

      INSERT INTO integration_pair (source, destination, source_config, destination_config, is_active) VALUES
        ('national', 'repo', '{\(source), "ous_synced": "false"}', '{\(destination)}', true),
        ('national', 'repo', '{\(source), "ous_synced": "false"}', DEFAULT, false),
        ('odd', 'repo', '{"api_url": "https://odd.example/api"}', '[]', false), ('', 'repo', DEFAULT, DEFAULT, DEFAULT);
      INSERT INTO sync_datasets (integration_pair_id, dataset_id, dataset_name, reporting_frequency, include_deleted, is_active) VALUES
        (1, '\(dataSets[0])', 'it''s "Monthly" 🏥', 'Monthly', true, true), (2, '\(dataSets[0])', '', 'Daily', NULL, NULL),
        (1, '', '', 'Monthly', true, true), (1, '', '', 'Yearly', NULL, NULL);
      INSERT INTO orgunits (integration_pair_id, dhis2_id, dhis2_name, dhis2_level, priority) VALUES
        (1, '\(root)', 'Land', 0, NULL), (1, '\(root)', '', 1, 3), (1, DEFAULT, '', 1, NULL);
      """
  }

  /// Where scripts/integrator finds the queue.
  fileprivate var queueEnvironment: [String: String] { ["D2_DISPATCHER_URL": queue.url] }

  /// Whether the destination holds what the source holds of some data sets and periods, and nothing else; a few
  /// differences where not.
  ///
  /// - Parameter deleted: whether deletions are among it.
  fileprivate func differences(
    of sets: [Int]? = nil, deleted: Bool, where wanted: (JSONValue) -> Bool = { _ in true }
  ) -> [String] {
    let expected = content(source, of: sets) { wanted($0) && (deleted || $0["deleted"] != true) }
    return Self.differences(expected, Self.content(destination))
  }

  /// Whether a value is in the first quarter of 2022, in the periods of its own data set: those that overlap it.
  fileprivate static func isInFirstQuarter(_ value: JSONValue) -> Bool {
    guard let period = value["period"]?.string.flatMap({ Period(id: $0) }) else { return false }
    return period.start <= CalendarDate(year: 2022, month: 3, day: 31)!
      && period.end >= CalendarDate(year: 2022, month: 1, day: 1)!
  }
}
