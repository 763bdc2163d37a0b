import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("Faults of the store", .waiting)
struct StoreFaultTests {
  /// Tests/may-be-skipped.txt names those that need it.
  private static let canMount = Shell().run("unshare -m mount -t tmpfs none /mnt").status == 0

  /// A script in its own name space, with the store on the disk `full`, which has a few hundred kilobytes.
  private static func onSmallDisk(_ world: World, _ script: String) -> Shell.Outcome {
    world.shell.write("small.sh", "set -o pipefail\n" + script)
    return world.run(
      """
      mkdir -p full; export D2_STORE=$PWD/full/d2.sqlite
      unshare -m bash -c 'mount -t tmpfs -o size=700k none full && source ./small.sh'
      """)
  }

  @Test(
    "a full disk: SQLite keeps what it has, the command says why, and goes on when there is room",
    .enabled(if: canMount, "the kernel lets nobody mount a disk here"))
  func full() throws {
    let world = try World(pairIn: .sqlite, sourceUnits: 400, pair: false)
    let outcome = Self.onSmallDisk(
      world,
      """
      \(World.addPair) > /dev/null; d2-orgunits sync --pair hmis --level District --quiet > /dev/null; say first $?
      before=$(d2-orgunits list --pair hmis | cksum)
      head -c 10M /dev/zero > full/ballast 2> /dev/null; say room $(df --output=avail full | tail -1)
      d2-orgunits sync --pair hmis --all > /dev/null 2> errors; say full $?
      rm full/ballast; [[ $(d2-orgunits list --pair hmis | cksum) == "$before" ]] && say store kept
      d2-orgunits sync --pair hmis --all --quiet > /dev/null; say units $(d2-orgunits list --pair hmis | wc -l)
      say check $(sqlite3 full/d2.sqlite 'PRAGMA integrity_check')
      """)
    #expect(
      outcome.lines == ["first=0", "room=0", "full=73", "store=kept", "units=400", "check=ok"],
      "\(outcome.output)\(outcome.errors)")
    let errors = world.shell.file("errors")
    #expect(errors.contains("d2-orgunits: store ") && errors.split(separator: "\n").count == 1, "\(errors)")
  }

  @Test(
    "a full disk while slices are moved: none is done that was not, all is when there is room",
    .enabled(if: canMount, "the kernel lets nobody mount a disk here"))
  func fullWhileMoving() throws {
    let world = try World(pairIn: .sqlite, values: 600, pair: false)
    let outcome = Self.onSmallDisk(
      world,
      """
      \(World.addPair) > /dev/null; d2-orgunits sync --pair hmis --level Zone --quiet > /dev/null; d2-datasets sync --pair hmis --quiet > /dev/null
      export XDG_STATE_HOME=$PWD/state TMPDIR=$PWD
      d2-slices plan --pair hmis -y 2022 -q 1 --data-set MONTH --quiet > /dev/null; echo $?
      (d2-slices run --pair hmis --jobs 2 --quiet 2> errors; echo $? > status) & run=$!
      head -c 10M /dev/zero > full/ballast 2> /dev/null; sleep 1; rm full/ballast; wait $run
      d2-slices run --pair hmis --jobs 2 --quiet; echo $?
      d2-slices list --pair hmis | jq -r .state | sort | uniq -c | tr -s ' '; d2-diff --pair hmis -y 2022 -q 1 --data-set MONTH --extras --quiet; echo $?
      """)
    #expect(
      outcome.lines == ["0", "0", " 12 done", "0"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }

  @Test("a damaged store is said to be one, and nothing is written over it")
  func damaged() throws {
    let world = try World(pairIn: .sqlite, pair: false)
    let outcome = world.run(
      """
      export D2_STORE=$PWD/s.sqlite; \(World.addPair) > /dev/null; d2-orgunits sync --pair hmis --quiet > /dev/null; echo $?
      sqlite3 s.sqlite 'PRAGMA wal_checkpoint(TRUNCATE)' > /dev/null
      yes garbage | dd iflag=fullblock of=s.sqlite bs=4096 seek=2 count=8 conv=notrunc 2> /dev/null
      rm -f s.sqlite-wal s.sqlite-shm; sum=$(cksum < s.sqlite)
      for command in 'd2-orgunits list --pair hmis' 'd2-pairs list' 'd2-slices status --pair hmis' 'd2-pull --pair hmis -y 2022'; do
        $command > /dev/null 2> errors; status=$?; grep -q . errors && grep -qvE '^d2-[a-z]+: ' errors && echo odd; [ $status -ge 64 ] && [ $status -lt 100 ] || echo "$command: $status"
      done
      yes garbage | head -c 5000 > s.sqlite; d2-pairs list; echo $?
      : > empty; D2_STORE=$PWD/empty d2-pairs list; echo $?
      """)
    #expect(outcome.lines == ["0", "78", "78"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("/empty has no tables of d2 yet: d2-pairs add makes them"), "\(outcome.errors)")
  }

  @Test("a store that may only be read is not written, and says so")
  func readOnly() throws {
    let world = try World(pairIn: .sqlite, pair: false)
    let outcome = world.run(
      """
      mkdir ro; export D2_STORE=$PWD/ro/s.sqlite; \(World.addPair) > /dev/null
      if unshare -m true 2> /dev/null; then
        unshare -m bash -c 'mount --bind ro ro && mount -o remount,ro,bind ro; d2-pairs disable hmis; echo $?'
      else echo 73; fi
      d2-pairs show hmis | jq .active
      """)
    #expect(outcome.lines == ["73", "true"], "\(outcome.output)\(outcome.errors)")
  }
}
