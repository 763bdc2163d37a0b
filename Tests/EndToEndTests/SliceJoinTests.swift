import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// One pipeline moves neighbouring slices; the ledger records each one separately.
@Suite("d2-slices run: several slices in one pipeline", .waiting)
struct SliceJoinTests {
  private static let year = "--data-set MONTH -y 2022"
  /// The expected record of each slice, from the source's own values.
  private static let figures = "jq -s -c 'map([.periods, .pulled]) | sort'"

  private static func pulled(_ world: World) -> [JSONValue] {
    (1...12).map { month in
      let period = month < 10 ? "20220\(month)" : "2022\(month)"
      let values = world.content(world.source, of: [0]) { $0["period"]?.string == period }
      return .array([.string(period), .int(values.count)])
    }
  }

  @Test(
    "a year of months: few requests, one sign-in at each end, and the figures of each month",
    arguments: StoreKind.available, [StandInServer.ServerVersion.v42, .v43])
  func joined(kind: StoreKind, version: StandInServer.ServerVersion) throws {
    let world = try World(slicesIn: kind, version, version, level: nil)
    _ = world.run("d2-slices plan --pair hmis \(Self.year) --quiet > /dev/null")
    world.source.resetStatistics()
    world.destination.resetStatistics()
    let outcome = world.run(
      """
      d2-slices run --pair hmis; echo $?; states
      d2-slices list --pair hmis | \(Self.figures)
      d2-slices list --pair hmis | jq -s -c 'all(.pulled == .pushed and .pushed == .imported + .updated + .deleted + .ignored and .attempt == 1)'
      ls -d ${TMPDIR:-/tmp}/d2-worker-* 2> /dev/null | wc -l
      """)
    #expect(
      outcome.lines.prefix(4) == ["0", "done=12", JSONValue.array(Self.pulled(world)).text, "true"],
      "\(outcome.output)\(outcome.errors)")
    #expect(world.differences(of: [0]) { $0["period"]?.string?.hasPrefix("2022") ?? false } == [])
    #expect(world.source.statistics["logins"]?.int == 1 && world.destination.statistics["logins"]?.int == 1)
    let exports = world.source.statistics["requests"]?["GET /api/dataValueSets"]?.int ?? 0
    #expect((1...6).contains(exports), "\(world.source.statistics["requests"]?.text ?? "")")
    // d2-push asks the destination about the data set's elements while the source is still being read.
    let asked = world.destination.statistics["requests"]
    #expect(asked?["GET /api/dataElements"] == nil, "\(asked?.text ?? "")")
    #expect(asked?["GET /api/dataSets"]?.int == (version == .v42 ? 1 : 2), "\(asked?.text ?? "")")
  }

  @Test(
    "the first pull of a worker looks its ids up last, and finds what another one finds",
    arguments: [StandInServer.ServerVersion.v42, .v43])
  func firstPull(version: StandInServer.ServerVersion) throws {
    let world = try World(slicesIn: .sqlite, version, version, level: nil)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.year) --quiet > /dev/null
      slice=$(d2-slices claim --pair hmis | jq -c '.periods = "202201,202202,202203"')
      pull() {
        d2-pull --slice "$1" --spool --summary $2.json 2> $2.log | jq -cS . | sort > $2.out; echo ${PIPESTATUS[0]} >> $2.out
        jq -c '[.status, .values]' $2.json >> $2.out 2>&1; grep -v 'wire' $2.log >> $2.out
      }
      number=0
      for change in . '.orgUnits = ["Abcdefghij1"]' '.dataSet = "Abcdefghij2"' '.orgUnits += ["Abcdefghij1"]'; do
        number=$((number + 1)); asked=$(jq -c "$change" <<< "$slice")
        pull "$asked" usual-$number
        mkdir -m 700 turn-$number; D2_TURN_DIR=$PWD/turn-$number pull "$asked" first-$number
        cmp usual-$number.out first-$number.out
        say lines-$number $(wc -l < first-$number.out)
      done
      """)
    #expect(!outcome.output.contains("differ") && outcome.errors == "", "\(outcome.output)\(outcome.errors)")
    #expect(Int(outcome["lines-1"] ?? "") ?? 0 > 30, "\(outcome.output)")
    #expect(world.shell.file("first-2.out").contains("64") && world.shell.file("first-3.out").contains("64"))
    #expect(world.shell.file("first-4.out").contains("unknown to"), "\(world.shell.file("first-4.out"))")
  }

  @Test("one month that the source cannot give: it alone is parked", arguments: StoreKind.available)
  func fault(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    try world.fail(
      source: #"{"kind":"status","status":500,"times":0,"path":"/api/dataValueSets","query":"period=202205"}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.year) --quiet > /dev/null
      d2-slices run --pair hmis --attempts 2 --retry-after 0.1s 2> log; echo $?; states
      d2-slices list --pair hmis --state failed | jq -c '[.periods, .lastStatus, .attempt]'
      d2-slices list --pair hmis --state done | jq -s -c 'all(.attempt == 1)'
      heal $SRC; d2-slices reset --pair hmis --state failed --quiet; d2-slices run --pair hmis --quiet; echo $?
      d2-slices list --pair hmis | \(Self.figures)
      """)
    #expect(
      outcome.lines == [
        "1", "done=11 failed=1", #"["202205",75,2]"#, "true", "0", JSONValue.array(Self.pulled(world)).text,
      ], "\(outcome.output)\(world.shell.file("log"))")
    #expect(world.shell.file("log").contains("failed together; moving them in two parts"))
    #expect(world.differences(of: [0]) { $0["period"]?.string?.hasPrefix("2022") ?? false } == [])
  }

  @Test("values that are refused: only their months are, each with its own rejects", arguments: StoreKind.available)
  func refused(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let unit = world.metadata.organisationUnits.last { $0.level == 5 }!.uid
    try world.change(destination: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let months = Set(
      world.content(world.source, of: [0]) {
        $0["orgUnit"]?.string == unit && $0["period"]?.string?.hasPrefix("2022") ?? false
      }.compactMap { (try? JSONValue(parsing: $0))?["period"]?.string })
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.year) --quiet > /dev/null
      d2-slices run --pair hmis --rejects-dir rej --quiet; say run $?
      d2-slices list --pair hmis --state refused > refused
      say months $(jq -r .periods refused | sort)
      say own $(jq -r '"\\(.periods) \\(.rejects)"' refused | while read -r month file; do jq -r .value.period "$file" | grep -vc "^$month$"; done | sort -u)
      say counts $(jq -r '"\\(.refused) \\(.rejects)"' refused | while read -r count file; do [[ $(wc -l < "$file") == "$count" ]] || echo "$file"; done)
      say reasons $(jq -r '.reasons[].count' refused | paste -sd+ | bc) $(cat rej/*.ndjson | wc -l)
      say left $(ls rej | grep -c all)
      """)
    #expect(outcome["run"] == "1" && !months.isEmpty, "\(outcome.errors)")
    #expect(outcome["months"] == months.sorted().joined(separator: " "), "\(outcome.output)")
    #expect(outcome["own"] == "0" && outcome["counts"] == "" && outcome["left"] == "0", "\(outcome.output)")
    let reasons = (outcome["reasons"] ?? "").split(separator: " ")
    #expect(reasons.count == 2 && reasons[0] == reasons[1], "\(outcome.output)")
  }

  @Test("a worker that is killed: its slices are leased until then, and all arrive", arguments: StoreKind.available)
  func killed(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    try world.fail(source: #"{"kind":"latency","seconds":30,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.year) --quiet > /dev/null
      setsid d2-slices run --pair hmis --lease 5s --quiet & run=$!
      await '[ $(count leased) -gt 1 ]'; say leased $(count leased)
      kill -9 -- -$run; heal $SRC; wait $run
      d2-slices run --pair hmis --quiet; say status $?; say states $(states)
      """)
    #expect(outcome["status"] == "0" && outcome["states"] == "done=12", "\(outcome.output)\(outcome.errors)")
    #expect(Int(outcome["leased"] ?? "") ?? 0 > 1, "\(outcome.output)")
    #expect(world.differences(of: [0]) { $0["period"]?.string?.hasPrefix("2022") ?? false } == [])
  }

  @Test("a signal gives all of them back untouched", arguments: StoreKind.available)
  func interrupted(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    try world.fail(source: #"{"kind":"latency","seconds":30,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.year) --quiet > /dev/null
      d2-slices run --pair hmis --quiet & run=$!
      await '[ $(count leased) -gt 1 ]'; kill -TERM $run; wait $run; echo $?; states
      d2-slices list --pair hmis | jq -s -c 'all(.attempt == 0)'
      """)
    #expect(outcome.lines == ["143", "waiting=12", "true"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("a command of one's own gets one slice at a time", arguments: StoreKind.available)
  func ownCommand(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.year) --quiet > /dev/null
      d2-slices run --pair hmis --trust-status --quiet -- 'jq -r .periods <<< "$D2_SLICE"' | sort | paste -sd,
      """)
    let months = (1...12).map { $0 < 10 ? "20220\($0)" : "2022\($0)" }.joined(separator: ",")
    #expect(outcome.lines == [months], "\(outcome.output)\(outcome.errors)")
  }
}
