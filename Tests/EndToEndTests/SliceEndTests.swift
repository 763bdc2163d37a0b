import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Signals, kills and lost leases: no slice is lost, and none is done twice.
@Suite("d2-slices: runs that end early", .waiting)
struct SliceEndTests {
  @Test(
    "a signal ends the children, gives their slices back, and is the status", arguments: StoreKind.available,
    [("TERM", 143), ("INT", 130)])
  func signals(kind: StoreKind, signal: (name: String, status: Int)) throws {
    let world = try World(slicesIn: kind)
    try world.fail(source: #"{"kind":"latency","seconds":20,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 3 --quiet & run=$!
      await '[ $(count leased) -ge 3 ] && [ $(children | wc -l) -ge 9 ]'
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
      stubborn='trap "" TERM; touch started; while true; do sleep 0.1; done'
      d2-slices run --pair hmis --lease 60s --quiet -- "$stubborn" & run=$!
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
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 3 --lease 60s --quiet & run=$!
      await '[ $(count leased) -ge 3 ] && [ $(children | wc -l) -ge 9 ]'
      kill -9 $run; wait $run; echo $?; await '[ $(children | wc -l) = 0 ]'; echo $?; leased=$(count leased)
      sql "UPDATE slices SET lease_until = 1 WHERE state = 'leased'"
      heal $SRC; d2-slices run --pair hmis --jobs 3 --quiet; echo $?; states
      d2-slices list --pair hmis | jq -s -c --argjson leased $leased 'map(.attempt) | [max, (map(select(. == 2)) | length) == $leased]'
      """)
    #expect(outcome.lines == ["137", "0", "0", "done=12", "[2,true]"], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [0], where: World.isInQuarterOfMonths)
    #expect(differences == [])
  }

  @Test("a runner that is killed leaves folders to the next one, which takes no others away")
  func abandonedFolders() throws {
    let world = try World(slicesIn: .sqlite)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
      run() { d2-slices run --pair hmis --jobs 1 --max-slices 1 --trust-status --quiet -- "$1"; }
      folders() { find tmp -name 'd2-worker-*' -perm 700 | wc -l; }
      run 'echo half > "$D2_SUMMARY_DIR/pull.json.part"; sleep 60' & killed=$!; await '[ $(find tmp -name "*.part" | wc -l) = 1 ]'
      kill -9 $killed; wait $killed; folders
      run 'until [ -e end ]; do sleep 0.05; done' & other=$!; await '[ $(count leased) = 2 ]'; await '[ $(folders) = 2 ]'; echo $?
      mkdir -m 700 tmp/d2-worker-rejects tmp/d2-worker-abcdef; touch tmp/d2-worker-{rejects,abcdef}/mine.ndjson
      run true; echo $?; ls tmp/d2-worker-*/mine.ndjson | wc -l; rm -r tmp/d2-worker-{rejects,abcdef}
      folders; touch end; wait $other; echo $?; folders; ls tmp | wc -l
      """)
    #expect(outcome.lines == ["2", "0", "0", "2", "2", "0", "0", "0"], "\(outcome.output)\(outcome.errors)")
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
}
