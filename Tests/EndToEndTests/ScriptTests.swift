import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("scripts over the ledger", .waiting)
struct ScriptTests {
  private static let hasParallel = Shell().run("command -v parallel").status == 0

  /// The default name of a server in a pair: its address.
  private static func name(_ server: StandIn) -> String { server.url.replacing("http://", with: "") }

  // MARK: Torture

  /// A shell with the scripts and what they torture with; the binaries under test are on its PATH.
  private static func torture() -> Shell {
    let shell = Shell(["D2_TEST_POSTGRESQL": StoreKind.server ?? ""])
    World.prepareScripts(shell)
    _ = shell.run("mkdir Tests; cp -r '\(World.package)/Tests/Torture' Tests")
    return shell
  }

  @Test("killed again and again, nothing is lost", arguments: StoreKind.available)
  func chaos(kind: StoreKind) throws {
    let outcome = Self.torture().run("scripts/torture chaos --slices 48 --kills 5 --store \(kind) --seconds 600")
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.output.contains("all 48 slices are done") && outcome.output.contains("holds what the source holds: "))
  }

  @Test("a command that dies at random moments leaves nothing half done", arguments: StoreKind.available)
  func kills(kind: StoreKind) throws {
    let outcome = Self.torture().run("scripts/torture kills --kills 4 --store \(kind) --command 'slices plan'")
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines.last?.hasPrefix("| `d2-slices plan` |") == true, "\(outcome.output)")
  }

  @Test("torture says how it is used", arguments: ["faults", "kills", "soak", "load", "chaos", "sanitize"])
  func usage(tool: String) throws {
    let outcome = Self.torture().run(
      """
      scripts/torture \(tool) --nonsense; say nonsense $?
      scripts/torture \(tool) --help > help; say help $?
      say usage $(head -1 help | cut -d' ' -f1-3)
      say listed $(scripts/torture --help | grep -c '^    \(tool) ')
      """)
    #expect(
      outcome.lines == ["nonsense=64", "help=0", "usage=usage: scripts/torture \(tool)", "listed=1"],
      "\(outcome.errors)")
  }

  // MARK: sync

  @Test("sync brings everything the first time, then what changed", arguments: StoreKind.available)
  func sync(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 600, level: nil)
    let value = try #require(world.content(world.source, of: [0]).first { $0.contains(#""value":"1"#) })
    world.shell.write("changed", value.replacing(#""value":"1"#, with: #""value":"3"#))
    let outcome = world.run(
      """
      scripts/sync hmis --jobs 3 > first; echo $?; jq -c -s 'map(.slices) | add' first
      curl -sf --data-binary @changed $SRC/control/values > /dev/null
      scripts/sync hmis > second; echo $?; scripts/sync hmis -y 2022 -q 1 --again > third; echo $?
      d2-slices list --pair hmis | jq -r .periods | grep -c .
      (unset D2_STORE; scripts/sync hmis --store "\(world.store.location)" > fourth; echo $?)
      scripts/sync nothing; echo $?; scripts/sync; echo $?; scripts/sync --help | head -1
      for script in sync backlog reconcile; do scripts/$script hmis --store postgresql://u:hush@127.0.0.1:1/d2; echo $?; done
      """)
    let planned = try world.store.rows("SELECT count(*) FROM slices WHERE periods <> ''")[0]
    #expect(
      outcome.lines == [
        "0", "6", "0", "0", planned, "0", "78", "64", "scripts/sync - bring a pair's destination up to date", "64",
        "64",
        "64",
      ],
      "\(outcome.output)\(outcome.errors)")
    #expect(world.differences() == [])
  }

  @Test(
    "sync --dry-run says what would be fetched, planned and moved, and changes nothing",
    arguments: StoreKind.available)
  func syncDryRun(kind: StoreKind) throws {
    let world = try World(pairIn: kind, values: 600)
    World.prepareScripts(world.shell)
    func run(_ script: String) -> Shell.Outcome { world.run("source lib.sh\n" + script) }
    let before = try world.storeContent()
    let first = run("scripts/sync hmis --dry-run; echo $?")
    #expect(
      first.lines == [
        "sync: slices would be planned after that: the store has 0 active organisation units and 0 active data sets now; nothing was changed",
        "0",
      ], "\(first.output)\(first.errors)")
    #expect(
      first.errors.contains("60 organisation units at \(world.source.url): 60 added")
        && first.errors.contains("6 data sets at \(world.source.url): 6 changes"), "\(first.errors)")
    #expect(try world.storeContent() == before)
    // With metadata in the store: as many slices as a run then has.
    let fetched = run(
      """
      d2-orgunits sync --pair hmis --quiet > /dev/null; d2-datasets sync --pair hmis --quiet > /dev/null
      d2-datasets set --pair hmis --include-deleted on all > /dev/null; echo $?
      """)
    #expect(fetched.lines == ["0"], "\(fetched.errors)")
    let metadata = try world.storeContent()
    let would = "slices would be moved from \(Self.name(world.source)) to \(Self.name(world.destination))"
    let again = run(
      """
      scripts/sync hmis --jobs 3 --dry-run; say sync $?; say waiting $(count waiting)
      say quarter $(scripts/sync hmis -y 2022 -q 1 --dry-run --quiet | cut -d' ' -f2)
      say slices $(d2-slices list --pair hmis | wc -l)
      scripts/continuous hmis --interval 7 --dry-run; say continuous $?; ls state 2> /dev/null
      """)
    let quarter = try #require(again["quarter"], "\(again.errors)")
    #expect(
      again.lines == [
        "sync: 6 \(would), 3 at a time; nothing was changed", "sync=0", "waiting=0", "quarter=\(quarter)", "slices=0",
        "continuous: each 7 s would begin with:", "sync: 6 \(would), 1 at a time; nothing was changed", "continuous=0",
      ], "\(again.errors)")
    #expect(try world.storeContent() == metadata && world.store.rows("SELECT id FROM sync_windows") == [])
    #expect(world.destination.values.isEmpty)
    let moved = run(
      """
      scripts/sync hmis -y 2022 -q 1 --quiet > out; say quarter $?; say states $(states)
      scripts/sync hmis > /dev/null; say sync $?; d2-slices list --pair hmis | sort > before
      scripts/sync hmis --dry-run; say dry-run $?; d2-slices list --pair hmis | sort | cmp - before
      scripts/sync nothing --dry-run; say unknown $?
      fault $SRC '{"kind":"refuse-early","status":401,"times":0,"path":"/api"}'
      scripts/sync hmis --dry-run; say refused $?
      """)
    #expect(
      moved.lines == [
        "quarter=0", "states=done=\(quarter)", "sync=0", "sync: 6 \(would), 1 at a time; nothing was changed",
        "dry-run=0", "unknown=78", "refused=77",
      ], "\(moved.errors)")
    #expect(world.differences() == [])
  }

  @Test(
    "a signal to sync ends whatever it runs",
    arguments: [("organisationUnits", "pgrep -P $script -x d2-orgunits"), ("dataValueSets", "[ -n \"$(children)\" ]")])
  func syncSignal(path: String, ready: String) throws {
    let world = try World(slicesIn: .sqlite, values: 300, level: nil)
    try world.fail(source: #"{"kind":"latency","seconds":20,"times":0,"path":"/api/\#(path)"}"#)
    let outcome = world.run(
      """
      marked() { grep -lz "^MARK=$PWD$" /proc/[0-9]*/environ 2>/dev/null | wc -l; }
      MARK=$PWD scripts/sync hmis > /dev/null & script=$!
      await '\(ready) > /dev/null'; kill -TERM $script; wait $script; echo $?
      marked; count leased
      """)
    #expect(outcome.lines == ["143", "0", "0"], "\(outcome.output)\(outcome.errors)")
  }

  // MARK: backlog

  @Test("backlog: stopped in the middle, gone on with, and whole", arguments: StoreKind.available)
  func backlog(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    try world.fail(source: #"{"kind":"latency","seconds":30,"skip":2,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      backlog=(scripts/backlog hmis --from 2022-01-01 --to 2022-06-30 --data-set MONTH --jobs 3)
      "${backlog[@]}" > /dev/null 2>&1 & script=$!
      await '[ $(count done) -ge 3 ]'; kill -TERM $script; wait $script; echo $?
      children | wc -l; count leased; some=$(count done); heal $SRC; [ $some -lt 24 ] && echo some
      "${backlog[@]}" --quiet > out; echo $?; states; d2-slices list --pair hmis | jq -s -c 'map(.attempt) | unique'
      scripts/backlog hmis --jobs x; echo $?
      """)
    #expect(
      outcome.lines == ["143", "0", "0", "some", "0", "done=24", "[1]", "64"], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [0]) { $0["period"]?.string ?? "" <= "202206" }
    #expect(differences == [])
  }

  @Test("backlog --dry-run says what would be moved by whom, and changes nothing", arguments: StoreKind.available)
  func backlogDryRun(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    let outcome = world.run(
      """
      mkdir bin; printf '#!/bin/sh\ntouch called\n' > bin/ssh; chmod +x bin/ssh; export PATH=$PWD/bin:$PATH
      backlog=(scripts/backlog hmis --from 2022-01-01 --to 2022-06-30 --data-set MONTH --jobs 3 --quiet)
      "${backlog[@]}" --host node1 --host node2 --dry-run; echo $?; states; ls called
      "${backlog[@]}" > /dev/null; echo $?; states; "${backlog[@]}" --dry-run; states
      "${backlog[@]}" --dry-run --again; states
      scripts/backlog hmis --from 2022-01-01 --to yesterday --dry-run; echo $?
      (unset D2_STORE; touch here.sqlite; scripts/backlog hmis --store here.sqlite --host node1; echo $?)
      """)
    let would =
      "slices would be moved from \(Self.name(world.source)) to \(Self.name(world.destination)), 3 at a time on each of:"
    #expect(
      outcome.lines == [
        "backlog: 24 \(would) this host node1 node2; nothing was changed", "0", "0", "done=24",
        "backlog: 0 \(would) this host; nothing was changed", "done=24",
        "backlog: 24 \(would) this host; nothing was changed", "done=24", "64", "64",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test("backlog over hosts: each works, over ssh", arguments: StoreKind.available)
  func hosts(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    // Two for each of three workers: none is done before all have begun.
    try world.fail(source: #"{"kind":"latency","seconds":5,"times":6,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      mkdir bin; cat > bin/ssh << 'SSH'
      #!/bin/bash
      while [[ $1 == -* ]]; do [[ $1 != -o ]] || shift; shift; done
      echo "$1" >> "$HOSTS"; shift
      exec bash -c "$*"
      SSH
      chmod +x bin/ssh; export PATH=$PWD/bin:$PATH HOSTS=$PWD/hosts
      scripts/backlog hmis --from 2022-01-01 --to 2022-06-30 --data-set MONTH --jobs 2 --host node1 --host node2 > /dev/null; echo $?
      sort hosts | tr '\\n' ' '; states; d2-slices list --pair hmis | jq -r .worker | sort -u | wc -l
      """)
    // A store in a file is of one host, whose first worker may take all.
    let workers = kind == .postgresql ? "3" : outcome.lines.last ?? ""
    #expect(outcome.lines == ["0", "node1 node2 done=24", workers], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [0]) { $0["period"]?.string ?? "" <= "202206" }
    #expect(differences == [])
  }

  // MARK: continuous

  @Test(
    "continuous: one at a time, an increment each interval, a signal ends it in good order",
    arguments: StoreKind.available)
  func continuous(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 300, level: nil)
    let value = try #require(world.content(world.source, of: [0]).first { $0.contains(#""value":"1"#) })
    world.shell.write("changed", value.replacing(#""value":"1"#, with: #""value":"3"#))
    let outcome = world.run(
      """
      scripts/continuous hmis --interval 1 --jobs 2 > log 2> errors & script=$!
      await 'grep -q "up to date" log'; scripts/continuous hmis; echo $?
      curl -sf --data-binary @changed $SRC/control/values > /dev/null; now=$(grep -c 'up to date' log)
      await '[ $(grep -c "up to date" log) -ge $((now + 2)) ]'; echo $?
      fault $DST '{"kind":"refuse-early","status":403,"times":0,"path":"/api"}'
      curl -sf --data-binary @changed $SRC/control/values > /dev/null; await 'grep -q "not all went well" log'; echo $?
      heal $DST; now=$(grep -c 'up to date' log); await '[ $(grep -c "up to date" log) -gt $now ]'; echo $?
      fault $SRC '{"kind":"latency","seconds":20,"times":0,"path":"/api/dataValueSets"}'; await '[ -n "$(children)" ]'
      kill -TERM $script; wait $script; echo $?; children | wc -l; count leased; tail -1 log | cut -d' ' -f3-
      heal $SRC; scripts/continuous hmis --interval 60 > log & script=$!; await 'grep -q "up to date" log'
      kill -INT $script; kill -TERM $script; wait $script; status=$?; [ $status = 130 ] || [ $status = 143 ]; echo $?; pgrep -P $script | wc -l; scripts/continuous hmis --interval x; echo $?
      """, ["D2_GIVE_UP_AFTER": "1s", "D2_RETRY_AFTER": "0.2s"])
    #expect(
      outcome.lines == ["75", "0", "0", "0", "143", "0", "0", "ended by a signal", "0", "0", "64"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("log"))\(world.shell.file("errors").suffix(2000))")
    #expect(world.differences() == [])
  }

  // MARK: Other engines

  /// The code blocks of a page that contain all of some words.
  private static func block(_ page: String, _ words: String...) throws -> String {
    let text = String(decoding: try FileBytes.read("\(World.package)/\(page)"), as: UTF8.self)
    var blocks: [String] = [""]
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("    ") {
        blocks[blocks.count - 1] += line.dropFirst(4) + "\n"
      } else if !blocks.last!.isEmpty {
        blocks.append("")
      }
    }
    return try #require(blocks.first { block in words.allSatisfy { block.contains($0) } })
  }

  @Test(
    "the lines for GNU parallel do as the page says", .enabled(if: hasParallel, "GNU parallel is not installed"),
    arguments: StoreKind.available)
  func parallel(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    let first = try Self.block("docs/ledger.md", "parallel -N0 -j 4", "--max-slices 1")
    let second = try Self.block("docs/ledger.md", "export -f one").replacing("/tmp/slice-", with: "tmp/slice-")
    let outcome = world.run(
      """
      plan() { d2-slices plan --pair hmis --data-set MONTH --from 2022-01-01 --to 2022-06-30 --quiet > /dev/null; }
      plan; \(first)
      echo $?; states; d2-slices reset --pair hmis --all --remove --yes --quiet; curl -sf -X DELETE $DST/control/values > /dev/null
      plan; \(second)
      echo $?; states
      """)
    #expect(outcome.lines == ["0", "done=24", "0", "done=24"], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [0]) { $0["period"]?.string ?? "" <= "202206" }
    #expect(differences == [])
  }
}
