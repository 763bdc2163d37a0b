import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-slices", .waiting)
struct SlicesTests {
  private static let month = "--data-set MONTH -y 2022 -q 1"

  private static func isInQuarter(_ value: JSONValue) -> Bool {
    ["202201", "202202", "202203"].contains(value["period"]?.string ?? "")
  }

  @Test("a backlog arrives whole; a second run and a second plan find nothing to do", arguments: StoreKind.available)
  func backlog(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis -y 2022 | jq -c '[.planned == .added, .there, .again]'
      d2-slices run --pair hmis --jobs 3 > printed; echo $?
      states; wc -c < printed
      d2-slices list --pair hmis | jq -s -c '[all(.attempt == 1), (map(.pulled) | add) > 1000, all(.pulled == .imported + .updated + .deleted + .ignored)]'
      """)
    let planned = try world.store.rows("SELECT count(*) FROM slices")[0]
    #expect(
      outcome.lines == ["[true,0,0]", "0", "done=\(planned)", "0", "[true,true,true]"],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("\(planned) slices done, 0 done with refusals, 0 failed attempts, 0 parked"))
    #expect(world.differences() == [])

    world.source.resetStatistics()
    let again = world.run(
      """
      d2-slices run --pair hmis --jobs 3; echo $?
      d2-slices plan --pair hmis -y 2022 --quiet | jq -c '[.added, .again]'; d2-slices run --pair hmis --quiet; echo $?
      """)
    #expect(again.lines == ["0", "[0,0]", "0"], "\(again.output)\(again.errors)")
    let asked = world.source.statistics["requests"]?.text ?? ""
    #expect(!asked.contains("dataValueSets"), "\(asked)")
  }

  @Test("a command of one's own, with jq; what it prints comes out in whole lines", arguments: StoreKind.available)
  func command(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    let outcome = world.run(
      #"""
      d2-slices plan --pair hmis \#(Self.month) > /dev/null
      d2-slices run --pair hmis --jobs 4 --quiet -- 'd2-pull --slice "$D2_SLICE" --spool --quiet | jq -c "select(.period != \"202203\" and .deleted != true)" | tee >(sed "s/^/$D2_SLICE_ID /" >> all) | d2-push --slice "$D2_SLICE" --rejects "$D2_REJECTS" --quiet' > printed
      echo $?; states; jq -s -c '[length > 0, all(.status == "OK" or .status == "SUCCESS")]' printed || head -3 printed
      """#)
    let slices = 3 * 4
    #expect(outcome.lines.prefix(2) == ["0", "done=\(slices)"], "\(outcome.output)\(outcome.errors)")
    #expect(!world.shell.file("printed").isEmpty)
    // Every line that came out is a document.
    let printed = world.shell.file("printed").split(separator: "\n")
    #expect(printed.allSatisfy { (try? JSONValue(parsing: String($0)))?["batch"] != nil })
    let differences = world.differences(of: [0]) {
      Self.isInQuarter($0) && $0["period"] != "202203" && $0["deleted"] != true
    }
    #expect(differences == [])
    #expect(world.content(world.destination) { $0["period"] == "202203" || $0["deleted"] == true }.isEmpty)
  }

  @Test("a command that ends with 0 proves nothing: both summaries must say so", arguments: StoreKind.available)
  func noProof(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let run = "d2-slices run --pair hmis --jobs 2 --attempts 2 --retry-after 0.1s --quiet"
    let outcome = world.run(
      """
      d2-slices plan --pair hmis --data-set YEAR -y 2022 > /dev/null
      again() { d2-slices reset --pair hmis --all --yes --quiet; }
      \(run) -- true; echo $?; states; again
      \(run) -- 'd2-pull --slice "$D2_SLICE" > /dev/null'; echo $?; states; again
      \(run) -- 'd2-push --slice "$D2_SLICE" < /dev/null'; echo $?; states; again
      \(run) -- 'cd /; d2-pull --slice "$D2_SLICE" --retries 0 --start-date x > /dev/null; d2-push --slice "$D2_SLICE" < /dev/null'; echo $?; states; again
      \(run) --trust-status -- true; echo $?; states
      d2-slices list --pair hmis | jq -r '.lastError // "none"' | sort -u
      """)
    #expect(
      outcome.lines == [
        "1", "failed=1", "1", "failed=1", "1", "failed=1", "1", "failed=1", "0", "done=1", "none",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("1 slice is parked"))
    #expect(world.destination.values.isEmpty)
  }

  @Test("the reason of a failure is that of the command that failed, not the last words of one that did its part")
  func reason() throws {
    let world = try World(slicesIn: .sqlite, level: nil)
    let run = "d2-slices run --pair hmis --attempts 1 --quiet"
    let outcome = world.run(
      """
      d2-slices plan --pair hmis --data-set YEAR -y 2022 > /dev/null
      reason() { d2-slices list --pair hmis | jq -r '"\\(.lastStatus) \\(.lastError)"'; d2-slices reset --pair hmis --all --yes --quiet; }
      \(run) -- 'set -o pipefail; d2-pull --slice "$D2_SLICE" | { d2-push --slice "$D2_SLICE" --import-strategy DELETE; status=$?; cat > /dev/null; sleep 0.5; exit $status; }'; reason
      fault $SRC '{"kind":"status","status":403,"times":0,"path":"/api/dataValueSets"}'
      \(run) -- "set -o pipefail; $MOVE"; reason
      """)
    #expect(outcome.lines.count == 2, "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.lines.first == "64 d2-push: nothing was deleted: there is no terminal to ask at; confirm with --yes")
    #expect(outcome.lines.last?.hasPrefix("77 d2-pull: ") == true, "\(outcome.lines)")
  }

  /// Two units that the destination does not know, each with values of the quarter.
  private func refusing(_ kind: StoreKind, _ version: StandInServer.ServerVersion = .v42) throws -> (
    World, [String]
  ) {
    let world = try World(slicesIn: kind, version, version)
    let held = Set(
      world.content(world.source, of: [0], where: Self.isInQuarter).compactMap {
        (try? JSONValue(parsing: $0))?["orgUnit"]?.string
      })
    let units = world.metadata.organisationUnits.filter { $0.level == 5 && held.contains($0.uid) }.suffix(2).map(
      \.uid)
    for unit in units {
      try world.change(destination: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    }
    return (world, units)
  }

  @Test(
    "values that are refused are an outcome: one attempt, the reason, and reset takes the slice again after fixing",
    arguments: StoreKind.available)
  func refused(kind: StoreKind) throws {
    let (world, units) = try refusing(kind)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 3 --rejects-dir rej 2> log; say run $?; say again $(grep -c 'again in' log); tail -3 log >&2
      d2-slices list --pair hmis --state refused > refused; d2-slices list --pair hmis --state done > done
      say slices $(wc -l < refused) $(wc -l < done)
      say as-refused $(jq -s 'all(.lastStatus == 1 and .attempt == 1 and .refused > 0 and .state == "refused")' refused)
      say own-rejects $(jq -s '(map(.rejects) | unique | length) == length' refused)
      say as-done $(jq -s 'all(.refused == 0 and .rejects == null and .lastError == null)' done)
      say reasons $(jq -r .lastError refused | sort -u)
      say units $(cat $(jq -r .rejects refused) | jq -r .value.orgUnit | sort -u)
      d2-slices status --pair hmis --quiet --format json > status; say status $?
      say in-status $(jq -s -c '[(map(.refusedSlices) | add), (map(.failed) | add), (map(.refused) | add) > 0]' status)
      say in-report $(d2-slices report --pair hmis | jq -c '[.states.refused, .states.failed, .percent < 100, .refused.count > 0]')
      d2-slices report --pair hmis --html page.html; say on-page $(grep -c 'reset --pair hmis --state refused' page.html)
      d2-slices run --pair hmis --rejects-dir rej --quiet; say later-run $?
      say planned $(d2-slices plan --pair hmis \(Self.month) --quiet | jq -c '[.added, .again]')
      """)
    let counts = (outcome["slices"] ?? "").split(separator: " ").compactMap { Int($0) }
    #expect(counts.count == 2 && counts.reduce(0, +) == 12, "\(counts)")
    let refused = try #require(counts.first, "\(outcome.output)\(outcome.errors)")
    #expect(refused > 0)
    let reasons = outcome["reasons"] ?? ""
    #expect(reasons.hasPrefix("E7612 ") && units.contains { reasons.contains("`\($0)`") }, "\(reasons)")
    #expect(outcome["units"] == units.sorted().joined(separator: " "))
    #expect(
      outcome.lines.filter { !$0.hasPrefix("slices=") && !$0.hasPrefix("reasons=") && !$0.hasPrefix("units=") } == [
        "run=1", "again=0", "as-refused=true", "own-rejects=true", "as-done=true", "status=1",
        "in-status=[\(refused),0,true]", "in-report=[\(refused),0,true,true]", "on-page=1", "later-run=1",
        "planned=[0,0]",
      ], "\(outcome.errors)")
    #expect(outcome.errors.contains("done with refusals: d2-slices list --pair hmis --state refused says why"))

    // After the cause is fixed.
    for unit in units {
      try world.change(destination: #"{"organisationUnits":[{"id":"\#(unit)","removed":false}]}"#)
    }
    let fixed = world.run(
      """
      d2-slices reset --pair hmis --state refused --quiet; count waiting | grep -vc '^0$'; d2-slices run --pair hmis --jobs 3 --rejects-dir rej --quiet; echo $?
      states; d2-slices status --pair hmis --quiet > /dev/null; echo $?; ls rej | wc -l
      """)
    #expect(fixed.lines == ["1", "0", "done=12", "0", "0"], "\(fixed.output)\(fixed.errors)")
    let differences = world.differences(of: [0], where: Self.isInQuarter)
    #expect(differences == [])
  }

  @Test("refused values that are accepted: done with them on record, on each version", arguments: StoreKind.available)
  func accepted(kind: StoreKind) throws {
    let (world, units) = try refusing(kind, kind == .sqlite ? .v43 : .v42)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 3 --accept-rejects --rejects-dir rej; say run $?; say states $(states)
      d2-slices list --pair hmis | jq -s -c '[.[] | select(.refused > 0)] | [length > 0, all(.reasons | length > 0), all(.rejects != null)]'
      say kept $(cat $(d2-slices list --pair hmis | jq -r '.rejects // empty') | wc -l)
      say refused $(d2-slices list --pair hmis | jq -s 'map(.refused) | add')
      """)
    let refused = try #require(outcome["refused"].flatMap(Int.init), "\(outcome.output)\(outcome.errors)")
    #expect(refused > 0)
    #expect(
      outcome.lines == ["run=1", "states=done=12", "[true,true,true]", "kept=\(refused)", "refused=\(refused)"],
      "\(outcome.errors)")
    #expect(outcome.errors.contains("values read, \(refused) refused;"), "the last line counts them")
    let differences = world.differences(of: [0]) {
      Self.isInQuarter($0) && !units.contains($0["orgUnit"]?.string ?? "")
    }
    #expect(differences == [])
  }

  @Test("what stops before its end is no refusal: too many of them, ids that the source does not know")
  func lasting() throws {
    let (world, _) = try refusing(.sqlite)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      run() { d2-slices run --pair hmis --accept-rejects --rejects-dir rej --retry-after 0.1s --quiet -- "$1"; echo $?; }
      run 'd2-pull --slice "$D2_SLICE" --spool | d2-push --slice "$D2_SLICE" --rejects "$D2_REJECTS" --max-rejects 0 >/dev/null'
      d2-slices list --pair hmis --state failed | jq -r '"\\(.attempt) \\(.lastError)"' | sort | uniq -c | awk '{$1 = ""; print}'; count refused
      cat $(d2-slices list --pair hmis --state failed | jq -r .rejects) | jq -r .message | sort -u | wc -l
      d2-slices reset --pair hmis --all --yes --quiet
      run 'd2-pull --slice "$D2_SLICE" --spool --data-set Nonexisten1 | d2-push --slice "$D2_SLICE" >/dev/null'
      d2-slices list --pair hmis | jq -c '[.state, .attempt]' | sort -u
      """)
    let lines = outcome.lines
    #expect(lines.first == "1" && lines.count == 6, "\(outcome.output)\(outcome.errors)")
    #expect(lines.dropFirst().first == " 2 d2-push: … of … values refused: more than --max-rejects allows", "\(lines)")
  }

  @Test("an increment with refusals keeps its mark, and the next one asks again", arguments: StoreKind.available)
  func refusedIncrement(kind: StoreKind) throws {
    let (world, units) = try refusing(kind)
    let mark = "d2-datasets list --pair hmis | jq -r 'select(.code == \"MONTH\") | .syncedThrough != null'"
    let outcome = world.run(
      """
      i() { d2-slices plan --pair hmis -i --data-set MONTH --quiet | jq -c '.planned > 0'; d2-slices run --pair hmis --jobs 3 --quiet; echo $?; }
      i; states | grep -c refused; \(mark); i; \(mark)
      d2-slices run --pair hmis --quiet --accept-rejects; d2-slices reset --pair hmis --state refused --quiet; d2-slices run --pair hmis --quiet --accept-rejects; echo $?; \(mark)
      """)
    #expect(
      outcome.lines == ["true", "1", "1", "false", "true", "1", "false", "1", "true"],
      "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [0]) { !units.contains($0["orgUnit"]?.string ?? "") }
    #expect(differences == [])
  }

  @Test(
    "a pull that breaks in the middle: what arrived stays, the slice is not done, the next run does it",
    arguments: StoreKind.available)
  func broken(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    try world.fail(
      source: #"{"kind":"cut-body","after":3000,"times":0,"path":"/api/dataValueSets","query":"period=202202"}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 2 --attempts 2 --retry-after 0.1s --quiet -- 'd2-pull --slice "$D2_SLICE" --retries 0 --compression none | d2-push --slice "$D2_SLICE" >/dev/null'; echo $?
      d2-slices list --pair hmis --state failed | jq -c '[.periods, .lastStatus, .attempt, .lastError != ""]'; count done
      """)
    #expect(outcome.lines == ["1", #"["202202",75,2,true]"#, "2"], "\(outcome.output)\(outcome.errors)")
    #expect(
      world.content(world.destination) { $0["period"] == "202202" } != [], "whole values that arrived were passed on")
    #expect(!world.differences(of: [0], where: Self.isInQuarter).isEmpty)
    let healed = world.run(
      "heal $SRC; d2-slices reset --pair hmis --state failed; d2-slices run --pair hmis --quiet; echo $?")
    #expect(healed.lines == ["0"], "\(healed.errors)")
    let differences = world.differences(of: [0], where: Self.isInQuarter)
    #expect(differences == [])
  }

  // MARK: A server that is down

  @Test("a destination that is down costs no attempts; when it is back, all goes on", arguments: StoreKind.available)
  func down(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    try world.fail(destination: #"{"kind":"status","status":503,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 3 --attempts 3 --retry-after 0.2s -- "$MOVE" 2> log & run=$!
      await '[ $(grep -c "all pause" log) -ge 4 ]'; count failed
      d2-slices list --pair hmis | jq -s -c '[(map(.attempt) | add < 10), (map(.lastStatus) | map(select(. != null)) | unique)]'
      heal $DST; wait $run; echo $?; states
      """)
    #expect(outcome.lines == ["0", "[true,[75]]", "0", "done=12"], "\(outcome.output)\(world.shell.file("log"))")
    let differences = world.differences(of: [0], where: Self.isInQuarter)
    #expect(differences == [])
  }

  @Test(
    "data that the source refuses this user are parked soon, with its words; all others go on without a pause",
    arguments: StoreKind.available)
  func refusedData(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 600, level: "District")
    let (month, quarter) = (world.metadata.dataSets[0].uid, world.metadata.dataSets[1].uid)
    let outcome = world.run(
      """
      refuse() { fault $SRC '{"kind":"status","status":'$1',"body":"{\\"httpStatusCode\\":'$1',\\"message\\":\\"User may not read '$2'\\"'$3'}","type":"application/json","times":0,"path":"/api/dataValueSets","query":"dataSet='$2'"}'; }
      refuse 403 \(month); refuse 409 \(quarter) ',\\"errorCode\\":\\"E2010\\"'
      d2-slices plan --pair hmis -y 2022 -m 5 --quiet > /dev/null; d2-slices run --pair hmis --retry-after 0.1s; echo $?
      d2-slices list --pair hmis --state failed | jq -c 'select(.attempt == 2 and .lastStatus == 77) | .dataSet' | sort | uniq -c | awk '{ print $2 }' | sort
      d2-slices list --pair hmis --state failed | jq -r .lastError | sed 's/.*dataValueSets: //' | sort -u; d2-slices list --pair hmis | jq -r 'select(.state != "failed") | .state' | sort -u
      heal $SRC; d2-slices reset --pair hmis --state failed --quiet; d2-slices run --pair hmis --retry-after 0.1s --quiet; echo $?
      """)
    #expect(
      outcome.lines == ["1"] + [month, quarter].map { "\"\($0)\"" }.sorted() + [
        "HTTP 403: User may not read \(month) (the user lacks an authority)",
        "HTTP 409 E2010: User may not read \(quarter)", "done", "0",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(!outcome.errors.contains("the server seems down"), "\(outcome.errors)")
  }

  @Test("a refusal is noted also where an end is slow to say that it is there")
  func slowlyAlive() throws {
    let world = try World(slicesIn: .sqlite, values: 100, level: nil)
    let outcome = world.run(
      #"""
      d2-slices plan --pair hmis --data-set YEAR -y 2022 --quiet > /dev/null
      fault $SRC '{"kind":"status","status":403,"body":"{\"httpStatusCode\":403,\"message\":\"User may not read it\"}","type":"application/json","times":0,"path":"/api/dataValueSets"}'
      fault $DST '{"kind":"latency","seconds":6,"times":0,"path":"/api/me"}'
      d2-slices run --pair hmis --lease 4s --retry-after 0.1s --attempts 2; echo $?; d2-slices list --pair hmis | jq -r '"\(.state) \(.attempt) \(.lastStatus)"'
      """#)
    #expect(outcome.lines == ["1", "failed 2 77"], "\(outcome.output)\(outcome.errors)")
    #expect(!outcome.errors.contains("lease was lost"))
  }

  @Test(
    "a source that refuses the user altogether, or a proxy before it, parks nothing",
    arguments: [
      (#"{"httpStatusCode":403,"message":"Access is denied"}"#, "/api"),
      ("<html>Forbidden</html>", "/api/dataValueSets"),
    ])
  func refusedUser(body: String, path: String) throws {
    let world = try World(slicesIn: .sqlite, values: 100, level: nil)
    let fault = JSONValue.object([
      .init("kind", "status"), .init("status", .int(403)), .init("body", .string(body)),
      .init("type", "application/json"), .init("times", .int(0)), .init("path", .string(path)),
    ]).text
    let outcome = world.run(
      """
      d2-slices plan --pair hmis -y 2022 --quiet > /dev/null; fault $SRC '\(fault)'
      d2-slices run --pair hmis --retry-after 0.1s --jobs 2 & await 'grep -q "the server seems down" .stderr-*'
      kill -TERM $!; wait $!; echo $?; count failed; d2-slices list --pair hmis | jq 'select(.attempt > 1) | .id' | wc -l
      """)
    #expect(outcome.lines == ["143", "0", "0"], "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "a server that stays down: --give-up-after ends the run with 75, nothing is parked", arguments: StoreKind.available)
  func givenUp(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    let outcome = world.run(
      """
      d2-pairs set hmis --destination-url http://127.0.0.1:1 --quiet > /dev/null
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 2 --attempts 2 --retry-after 0.2s --give-up-after 1s -- "$MOVE"; echo $?
      count failed; count done; d2-slices list --pair hmis | jq -s -c '[.[].lastStatus | select(. != null)] | unique'
      """)
    #expect(outcome.lines == ["75", "0", "0", "[69]"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("given up"))
  }

  // MARK: Ends

  @Test(
    "a signal ends the children, gives their slices back, and is the status", arguments: StoreKind.available,
    [("TERM", 143), ("INT", 130)])
  func signals(kind: StoreKind, signal: (name: String, status: Int)) throws {
    let world = try World(slicesIn: kind)
    try world.fail(source: #"{"kind":"latency","seconds":20,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 3 --quiet & run=$!
      await '[ $(count leased) = 3 ] && [ $(children | wc -l) -ge 9 ]'
      kill -\(signal.name) $run; wait $run; echo $?
      children | wc -l; states; ls tmp | wc -l
      d2-slices list --pair hmis | jq -s -c 'all(.attempt == 0)'
      """)
    #expect(
      outcome.lines == ["\(signal.status)", "0", "waiting=12", "0", "true"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("a second signal ends at once", arguments: [StoreKind.sqlite])
  func twice(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis --data-set YEAR -y 2022 --quiet > /dev/null
      d2-slices run --pair hmis --lease 2s --quiet -- 'trap "" TERM; touch started; while true; do sleep 0.1; done' & run=$!
      await '[ -e started ]'; child=$(children | head -1)
      kill -TERM $run; kill -0 $run && sleep 0.5; kill -0 $run && echo waits
      kill -TERM $run; wait $run; echo $?; await '[ $(children | wc -l) = 0 ]' && echo gone
      """)
    #expect(outcome.lines == ["waits", "143", "gone"], "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "a runner that is killed: its children die, its leases run out, another run completes",
    arguments: StoreKind.available)
  func killed(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    try world.fail(source: #"{"kind":"latency","seconds":20,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 3 --lease 2s --quiet & run=$!
      await '[ $(count leased) = 3 ] && [ $(children | wc -l) -ge 9 ]'
      kill -9 $run; wait $run; echo $?; await '[ $(children | wc -l) = 0 ]'; echo $?
      heal $SRC; d2-slices run --pair hmis --jobs 3 --quiet; echo $?; states
      d2-slices list --pair hmis | jq -s -c 'map(.attempt) | [min, max, (map(select(. == 2)) | length)]'
      """)
    #expect(outcome.lines == ["137", "0", "0", "done=12", "[1,2,3]"], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [0], where: Self.isInQuarter)
    #expect(differences == [])
  }

  @Test("a runner that is killed leaves folders to the next one, which takes no others away")
  func abandonedFolders() throws {
    let world = try World(slicesIn: .sqlite)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      run() { d2-slices run --pair hmis --jobs 1 --max-slices 1 --trust-status --quiet -- "$1"; }
      folders() { find tmp -name 'd2-worker-*' -perm 700 | wc -l; }
      run 'echo half > "$D2_SUMMARY_DIR/pull.json.part"; sleep 60' & killed=$!; await '[ $(find tmp -name "*.part" | wc -l) = 1 ]'
      kill -9 $killed; wait $killed; folders
      run 'until [ -e end ]; do sleep 0.05; done' & other=$!; await '[ $(count leased) = 2 ]'; await '[ $(folders) = 1 ]'; echo $?
      mkdir -m 700 tmp/d2-worker-rejects tmp/d2-worker-abcdef; touch tmp/d2-worker-{rejects,abcdef}/mine.ndjson
      run true; echo $?; ls tmp/d2-worker-*/mine.ndjson | wc -l; rm -r tmp/d2-worker-{rejects,abcdef}
      folders; touch end; wait $other; echo $?; folders; ls tmp | wc -l
      """)
    #expect(outcome.lines == ["1", "0", "0", "2", "1", "0", "0", "0"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("the folder for temporary files may have a path of any length")
  func folderLengths() throws {
    let world = try World(slicesIn: .sqlite)
    let outcome = world.run(
      """
      for length in $(seq 1 48); do
        d2-slices plan --pair hmis \(Self.month) --again --quiet > /dev/null
        export TMPDIR=$PWD/$(printf '%*s' $length '' | tr ' ' t); mkdir "$TMPDIR"
        d2-slices run --pair hmis --max-slices 1 --trust-status --quiet -- true || echo "$length: $?"
      done
      """)
    #expect(outcome.status == 0 && outcome.lines.isEmpty, "\(outcome.output)\(outcome.errors)")
  }

  @Test("who loses a lease stops working and notes nothing", arguments: StoreKind.available)
  func lost(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis --data-set YEAR -y 2022 --quiet > /dev/null
      d2-slices run --pair hmis --lease 1s --max-slices 1 --trust-status -- 'touch started; sleep 60' & run=$!
      await '[ -e started ]'; d2-slices reset --pair hmis --all --yes --quiet; slice=$(d2-slices claim --pair hmis)
      wait $run; echo $?; await '[ $(children | wc -l) = 0 ]'; states; d2-slices done --pair hmis --slice "$slice"; echo $?; states
      """)
    #expect(outcome.lines == ["0", "leased=1", "0", "done=1"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("its lease is lost; the work on it was stopped"))
  }

  @Test(
    "--max-slices counts slices, not looks at an empty ledger; --no-wait does not wait", arguments: StoreKind.available)
  func bounds(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let run = "d2-slices run --pair hmis --trust-status --quiet"
    let outcome = world.run(
      """
      d2-slices plan --pair hmis --data-set MONTH -y 2022 --quiet > /dev/null
      \(run) --jobs 4 --max-slices 5 -- true; echo $?; states
      \(run) --attempts 2 --retry-after 4s --max-slices 1 -- false; echo $?; count retry
      \(run) --jobs 3 --no-wait -- true; echo $?; states
      \(run) --max-slices 1 -- true; echo $?; states
      \(run) -- true more; echo $?; d2-slices plan --pair hmis 2022; echo $?
      """)
    #expect(
      outcome.lines == ["0", "done=5 waiting=7", "0", "1", "0", "done=11 retry=1", "0", "done=12", "64", "64"],
      "\(outcome.output)\(outcome.errors)")
  }

  @Test("--span: periods that follow each other go together, and no other with them", arguments: StoreKind.available)
  func spans(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      plan() { d2-slices plan --pair hmis --data-set "$@" --quiet > /dev/null || echo $?; }
      periods() { d2-slices list --pair hmis --format json | jq -r .periods | sort | tr '\n' ' '; echo; d2-slices reset --pair hmis --all --remove --yes --quiet; }
      plan MONTH --from 2021-11-15 --to 2022-12-31 --span year; periods
      plan MONTH -y 2022 --span quarter; periods
      plan MONTH -p 202201,202202,202205 --span year; periods
      plan DAY -p 20220105,20220107,20220108; periods
      plan WEEK -p 2022W02,2022W03,2022W06 --span quarter; periods
      plan YEAR -y 2022 --span month; periods
      plan MONTH -y 2022 --span decade
      plan MONTH -p 202201,202202,202205 --span year
      d2-slices run --pair hmis --quiet; echo $?
      """)
    #expect(
      outcome.lines == [
        "202111..202112 202201..202212 ", "202201..202203 202204..202206 202207..202209 202210..202212 ",
        "202201..202202 202205 ", "20220105 20220107..20220108 ", "2022W2..2022W3 2022W6 ", "2022 ", "64", "0",
      ], "\(outcome.output)\(outcome.errors)")
    let months = Set(
      world.destination.values.split(separator: "\n").compactMap {
        (try? JSONValue(parsing: String($0)))?["period"]?.string
      })
    #expect(months == ["202201", "202202", "202205"])
  }

  // MARK: Looking, and by hand

  @Test("list and status: formats, selections, statuses", arguments: StoreKind.available)
  func formats(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis --data-set MONTH -y 2022 --plan year --quiet > /dev/null
      d2-slices plan --pair hmis --data-set YEAR -y 2022 --quiet > /dev/null
      d2-slices run --pair hmis --max-slices 3 --trust-status --quiet -- true
      d2-slices list --pair hmis --format tsv | head -2
      d2-slices list --pair hmis --state done --format json | jq -r .periods | tr '\\n' ' '; echo
      d2-slices list --pair hmis --data-set MONTH --period 202202,202203 | jq -r .state | tr '\\n' ' '; echo
      d2-slices list --pair hmis --plan year | wc -l; d2-slices list --pair hmis --id 1 | jq .id
      d2-slices status --pair hmis --format json | jq -c '[.name, .slices, .waiting, .done, .percent]'
      d2-slices status --pair hmis --by period --format tsv --quiet | wc -l
      d2-slices status --pair hmis --by all --quiet | wc -l; d2-slices status --pair hmis --plan year --quiet | jq .slices
      d2-slices status --pair hmis --format table --quiet | head -1
      d2-slices list --pair hmis --state nothing; echo $?; d2-slices status --pair nothing; echo $?; d2-slices list --pair hmis extra; echo $?
      d2-slices reset --pair hmis; echo $?; d2-slices reset --pair hmis --all --remove --yes; echo $?; d2-slices list --pair hmis --format tsv
      """)
    let set = world.metadata.dataSets[0].uid
    let columns =
      "id\tstate\tdataSet\tperiods\tsince\torgUnits\tchildren\tattempt\tpulled\trefused\tlastStatus\tlastError"
    #expect(
      outcome.lines == [
        columns, "1\tdone\t\(set)\t202212\t\t[\"\(world.root)\"]\ttrue\t1\t\t\t0\t",
        "202212 202211 202210 ", "waiting waiting ", "12", "1",
        #"["Yearly census of facilities",1,1,0,0]"#, #"["Monthly health report",12,9,3,25]"#,
        "14", "13", "12",
        "DATASET      NAME                         SLICES  WAITING  LEASED  RETRY  DONE  VERIFIED  REFUSEDSLICES  FAILED  PERCENT  PULLED  REFUSED",
        "64", "78", "64", "64", "0",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("3 of 13 slices done (23 %), 10 open, 0 done with refusals, 0 parked"))
  }

  @Test("claim, renew, done and fail by hand, and their statuses", arguments: StoreKind.available)
  func byHand(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      d2-slices claim --pair hmis; echo $?
      d2-slices plan --pair hmis --data-set QUARTER -y 2022 --quiet > /dev/null
      slice=$(d2-slices claim --pair hmis --worker me --order oldest --lease 1m); jq -r .periods <<< $slice
      d2-slices list --pair hmis --state leased | jq -c '[.worker, has("token")]'
      d2-slices renew --pair hmis --slice "$slice" --lease 20m; echo $?
      d2-slices renew --pair hmis $(jq .id <<< $slice) --token wrong; echo $?; d2-slices renew --pair hmis 1; echo $?
      for verb in renew done fail; do d2-slices $verb --pair hmis --slice "$slice" extra 2>> extra; echo $?; d2-slices $verb --pair hmis 1 2 --token x 2>> extra; echo $?; done | paste -sd' '; grep -c 'unexpected argument' extra
      d2-slices done --pair hmis --slice '{"no":"slice"}'; echo $?
      d2-pull --slice "$slice" --spool --summary pull | d2-push --slice "$slice" --summary push > /dev/null; echo $?
      jq '.status = 75' pull > bad; d2-slices done --pair hmis --slice "$slice" --pull-summary bad --push-summary push; echo $?
      jq '.status = 1' push > some; jq '.isWhole = false' some > cut; d2-slices done --pair hmis --slice "$slice" --pull-summary pull --push-summary cut --accept-rejects; echo $?
      d2-slices done --pair hmis --slice "$slice" --pull-summary nowhere; echo $?; count done
      d2-slices done --pair hmis --slice "$slice" --pull-summary pull --push-summary some --accept-rejects; echo $?
      d2-slices done --pair hmis --slice "$slice" --pull-summary pull --push-summary push; echo $?
      d2-slices list --pair hmis --state done | jq -c '[.pulled > 0, .lastStatus]'
      slice=$(d2-slices claim --pair hmis)
      d2-slices fail --pair hmis --slice "$slice" --error 'no space' --status 73 --retry-after 0s; echo $?
      d2-slices fail --pair hmis --slice "$slice"; echo $?
      slice=$(d2-slices claim --pair hmis); jq .attempt <<< $slice
      d2-slices fail --pair hmis $(jq .id <<< $slice) --token $(jq -r .token <<< $slice) --attempts 2; echo $?; count failed
      d2-slices list --pair hmis --state failed | jq -c '[.lastError, .lastStatus]'; d2-slices status --pair hmis --quiet > /dev/null; echo $?
      """)
    #expect(
      outcome.lines == [
        "1", "2022Q1", #"["me",false]"#, "0", "1", "64", "64 64 64 64 64 64", "6", "64", "0", "1", "1", "74", "0", "0",
        "1", "[true,1]", "0", "1", "2", "0", "1", #"["ended with status 1",1]"#, "1",
      ], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [1]) { $0["period"] == "2022Q1" }
    #expect(differences == [])
  }

  @Test("refusals by hand are noted as such by done and by fail", arguments: StoreKind.available)
  func refusedByHand(kind: StoreKind) throws {
    let (world, _) = try refusing(kind)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null
      d2-slices run --pair hmis --quiet; d2-slices reset --pair hmis --state refused --quiet; n=$(count waiting); echo $((n > 1))
      one() {
        slice=$(d2-slices claim --pair hmis)
        d2-pull --slice "$slice" --spool --quiet --summary pull | d2-push --slice "$slice" --quiet --summary push --rejects rejects > /dev/null; echo $?
        d2-slices $1 --pair hmis --slice "$slice" --pull-summary pull --push-summary push --rejects rejects "${@:2}"; echo $?
        d2-slices list --pair hmis --id $(jq .id <<< "$slice") | jq -c '[.state, .lastStatus, .rejects, (.lastError // "" | .[:5])]'; rm -f rejects
      }
      set -o pipefail; one done; one fail --status 1; d2-slices reset --pair hmis --state refused --quiet; one done --accept-rejects
      """)
    #expect(
      outcome.lines == [
        "1", "1", "1", #"["refused",1,"rejects","E7612"]"#, "1", "0", #"["refused",1,"rejects","E7612"]"#, "1", "0",
        #"["done",1,"rejects",""]"#,
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("noted as refused, not as done"))
  }

  @Test("a plan is refreshed by planning again: deletions and priorities", arguments: StoreKind.available)
  func refreshed(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    let zones = world.metadata.organisationUnits.filter { $0.level == 4 }.map(\.uid)
    let outcome = world.run(
      """
      plan() { d2-slices plan --pair hmis \(Self.month) --quiet | jq -c '[.planned, .added]'; }
      deleted() { d2-slices list --pair hmis --state waiting | jq -s -c 'map(.includeDeleted) | unique'; }
      first() { slice=$(d2-slices claim --pair hmis); jq -r '[.orgUnits[0], .periods] | @tsv' <<< $slice; d2-slices fail --pair hmis --slice "$slice" --attempts 1; }
      d2-datasets set --pair hmis --include-deleted off MONTH; plan; deleted
      slice=$(d2-slices claim --pair hmis --order oldest); d2-slices done --pair hmis --slice "$slice"
      d2-datasets set --pair hmis --include-deleted on MONTH; deleted; plan; deleted; states
      d2-orgunits set --pair hmis --priority 1 \(zones[3]); plan; first
      d2-orgunits set --pair hmis --priority 0 \(zones[2]); plan; first
      d2-orgunits set --pair hmis --priority none \(zones[2]) \(zones[3]); plan; d2-orgunits set --pair hmis --priority 1 \(zones[1]); plan; first
      states
      """)
    #expect(
      outcome.lines == [
        "[12,12]", "[false]", "[false]", "[12,0]", "[true]", "done=1 waiting=11", "[12,0]", "\(zones[3])\t202203",
        "[12,0]", "\(zones[2])\t202203", "[12,0]", "[12,0]", "\(zones[1])\t202203", "done=1 failed=3 waiting=8",
      ], "\(outcome.output)\(outcome.errors)")
  }

  // MARK: Folders

  @Test("relative paths mean the folder that the run was started in, whatever PWD says")
  func stalePWD() throws {
    let world = try World(slicesIn: .sqlite, level: nil)
    let unit = world.metadata.organisationUnits.last!.uid
    try world.change(destination: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null; mkdir there; cp $D2_STORE* there; unset D2_STORE; cd there
      name=$(ls *.sqlite); stale=$PWD/nowhere
      env PWD=$stale d2-slices run --pair hmis --store $name --rejects-dir rejects --accept-rejects --attempts 1 --quiet; echo $?
      d2-slices list --pair hmis --store $name | jq -r .state | sort | uniq -c | tr -s ' '
      cat rejects/*.ndjson | jq -r .value.orgUnit | sort -u; d2-slices list --pair hmis --store $name | jq -r '.rejects // empty' | grep -vc "^$PWD/rejects/"; ls -d $stale
      d2-slices reset --pair hmis --store $name --all --yes --quiet; cd ..
      D2_STORE=there/$name env PWD=$stale d2-slices run --pair hmis --accept-rejects --attempts 1 --quiet; echo $?; cat state/d2/rejects/*/pair-1/*.ndjson | jq -r .value.orgUnit | sort -u
      """)
    #expect(outcome.lines == ["1", " 3 done", unit, "0", "1", unit], "\(outcome.output)\(outcome.errors)")
  }

  @Test("stores do not share a folder of refused values; one store has one, however it is named")
  func rejectsFolders() throws {
    let world = try World(slicesIn: .sqlite, level: nil)
    let unit = world.metadata.organisationUnits.last!.uid
    try world.change(destination: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null; mkdir one two; for store in one two; do cp $D2_STORE $store/d2.sqlite; done
      unset D2_STORE; run="d2-slices run --pair hmis --accept-rejects --attempts 1 --quiet"
      folders() { ls -d state/d2/rejects/*/pair-1 | wc -l; }
      (cd one; $run --store d2.sqlite); folders; (cd two; $run --store d2.sqlite); folders
      for store in one two; do d2-slices reset --pair hmis --store $store/d2.sqlite --all --yes --quiet; $run --store $store/d2.sqlite; done; folders
      for store in one two; do d2-slices list --pair hmis --store $store/d2.sqlite | jq -r '.rejects // empty'; done | sort > all
      say files $(wc -l < all); say different $(sort -u all | wc -l); say there $(xargs ls < all | wc -l)
      """)
    let files = try #require(outcome["files"].flatMap(Int.init), "\(outcome.output)\(outcome.errors)")
    #expect(files > 0)
    #expect(
      outcome.lines == ["1", "2", "2", "files=\(files)", "different=\(files)", "there=\(files)"], "\(outcome.errors)")
  }

  // MARK: Stray words

  @Test(
    "a word that no verb knows what to do with is refused by all of them",
    arguments: [
      ("d2-pairs", "add set show enable disable remove test"), ("d2-orgunits", "enable disable set"),
      ("d2-datasets", "enable disable set mark"), ("d2-slices", "run renew done fail"),
    ])
  func strayWords(command: String, withOperands: String) throws {
    // Without a store: whatever looks for one before it looks at its words ends with another status.
    let shell = Shell(["D2_STORE": "/no/such"])
    let outcome = shell.run(
      """
      (D2_STORE=$PWD/d2.sqlite d2-pairs add hmis --source-url https://a.example --source-pat env:A --destination-url https://b.example --destination-pat env:B --quiet > /dev/null)
      verbs=$(\(command) --help | sed -n '/^Verbs/,/^$/s/^  \\([a-z]*\\) .*/\\1/p')
      for verb in $verbs; do
        case " \(withOperands) " in *" $verb "*) continue ;; esac
        \(command) $verb stray; echo "$verb $?"
      done
      \(command == "d2-slices" ? "d2-slices run stray; echo run $?; d2-slices run -- true stray; echo run $?" : "true")
      \(command == "d2-pairs" ? "export D2_STORE=$PWD/d2.sqlite; for verb in add set show enable disable remove test; do d2-pairs $verb hmis stray; echo $verb $?; done" : "true")
      """)
    let statuses = outcome.lines
    #expect(!statuses.isEmpty && statuses.allSatisfy { $0.hasSuffix(" 64") }, "\(outcome.output)\(outcome.errors)")
    let told = outcome.errors.split(separator: "\n")
    #expect(told.count == statuses.count, "\(outcome.errors)")
    #expect(told.filter { !$0.contains("stray") && !$0.contains("one word of the shell") } == [])
  }
}
