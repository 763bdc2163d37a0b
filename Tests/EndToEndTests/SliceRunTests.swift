import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// A command of d2 or of the user moves slices. They are done when both ends confirm it.
@Suite("d2-slices run", .waiting)
struct SliceRunTests {
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
      d2-slices plan --pair hmis \#(World.quarterOfMonths) > /dev/null
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
      World.isInQuarterOfMonths($0) && $0["period"] != "202203" && $0["deleted"] != true
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
      reason() {
        d2-slices list --pair hmis | jq -r '"\\(.lastStatus) \\(.lastError)"'
        d2-slices reset --pair hmis --all --yes --quiet
      }
      # d2-push fails at once, and d2-pull ends well long after it.
      deleting='d2-push --slice "$D2_SLICE" --import-strategy DELETE; status=$?; cat > /dev/null; sleep 0.5; exit $status'
      \(run) -- "set -o pipefail; d2-pull --slice \\"\\$D2_SLICE\\" | { $deleting; }"
      say push "$(reason)"
      fault $SRC '{"kind":"status","status":403,"times":0,"path":"/api/dataValueSets"}'
      \(run) -- "set -o pipefail; $MOVE"
      say pull "$(reason)"
      """)
    #expect(
      outcome["push"] == "64 d2-push: nothing was deleted: there is no terminal to ask at; confirm with --yes",
      "\(outcome.errors)")
    #expect(outcome["pull"]?.hasPrefix("77 d2-pull: ") == true, "\(outcome.output)")
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
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 2 --attempts 2 --retry-after 0.1s --quiet -- 'd2-pull --slice "$D2_SLICE" --retries 0 --compression none | d2-push --slice "$D2_SLICE" >/dev/null'; echo $?
      d2-slices list --pair hmis --state failed | jq -c '[.periods, .lastStatus, .attempt, .lastError != ""]'; count done
      """)
    #expect(outcome.lines == ["1", #"["202202",75,2,true]"#, "2"], "\(outcome.output)\(outcome.errors)")
    #expect(
      world.content(world.destination) { $0["period"] == "202202" } != [], "whole values that arrived were passed on")
    #expect(!world.differences(of: [0], where: World.isInQuarterOfMonths).isEmpty)
    let healed = world.run(
      "heal $SRC; d2-slices reset --pair hmis --state failed; d2-slices run --pair hmis --quiet; echo $?")
    #expect(healed.lines == ["0"], "\(healed.errors)")
    let differences = world.differences(of: [0], where: World.isInQuarterOfMonths)
    #expect(differences == [])
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
      \(run) --attempts 2 --retry-after 300s --max-slices 1 -- false; echo $?; count retry
      \(run) --jobs 3 --no-wait -- true; echo $?; states
      sql "UPDATE slices SET next_attempt = 1 WHERE state = 'retry'"
      \(run) --max-slices 1 -- true; echo $?; states
      \(run) -- true more; echo $?; d2-slices plan --pair hmis 2022; echo $?
      """)
    #expect(
      outcome.lines == ["0", "done=5 waiting=7", "0", "1", "0", "done=11 retry=1", "0", "done=12", "64", "64"],
      "\(outcome.output)\(outcome.errors)")
  }

  @Test("the folder for temporary files may have a path of any length")
  func folderLengths() throws {
    let world = try World(slicesIn: .sqlite)
    let outcome = world.run(
      """
      for length in $(seq 1 48); do
        d2-slices plan --pair hmis \(World.quarterOfMonths) --again --quiet > /dev/null
        export TMPDIR=$PWD/$(printf '%*s' $length '' | tr ' ' t); mkdir "$TMPDIR"
        d2-slices run --pair hmis --max-slices 1 --trust-status --quiet -- true || echo "$length: $?"
      done
      """)
    #expect(outcome.status == 0 && outcome.lines.isEmpty, "\(outcome.output)\(outcome.errors)")
  }

  @Test("relative paths mean the folder that the run was started in, whatever PWD says")
  func stalePWD() throws {
    let world = try World(slicesIn: .sqlite, level: nil)
    let unit = world.metadata.organisationUnits.last!.uid
    try world.change(destination: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null; mkdir there; cp $D2_STORE* there; unset D2_STORE; cd there
      name=$(ls *.sqlite); stale=$PWD/nowhere
      env PWD=$stale d2-slices run --pair hmis --store $name --rejects-dir rejects --accept-rejects --attempts 1 --quiet; echo $?
      d2-slices list --pair hmis --store $name | jq -r .state | sort | uniq -c | tr -s ' '
      cat rejects/*.ndjson | jq -r .value.orgUnit | sort -u; d2-slices list --pair hmis --store $name | jq -r '.rejects // empty' | grep -vc "^$PWD/rejects/"; ls -d $stale
      d2-slices reset --pair hmis --store $name --all --yes --quiet; cd ..
      D2_STORE=there/$name env PWD=$stale d2-slices run --pair hmis --accept-rejects --attempts 1 --quiet; echo $?; cat state/d2/rejects/*/pair-1/*.ndjson | jq -r .value.orgUnit | sort -u
      """)
    #expect(outcome.lines == ["1", " 3 done", unit, "0", "1", unit], "\(outcome.output)\(outcome.errors)")
  }
}
