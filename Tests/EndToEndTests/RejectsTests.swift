import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Rejects that somebody has are never lost, and whatever happens every value is accounted for.
@Suite("rejects", .waiting)
struct RejectsTests {
  private static let canMount = Shell().run("unshare -m mount -t tmpfs none /mnt").status == 0

  /// Values that the destination refuses, `bad`, and such that it takes, `good`.
  private func servers() throws -> World {
    let world = try World()
    let outcome = world.run(
      """
      \(World.pullAll) --quiet | jq -c 'select(.deleted != true)' > good
      head -20 good | jq -c '.orgUnit = "Nonexisten1"' > bad; wc -l < bad
      """)
    #expect(outcome.lines == ["20"], "\(outcome.errors)")
    return world
  }

  @Test("a file that holds rejects is left alone, and nothing is sent, unless append or overwrite is said")
  func kept() throws {
    let world = try servers()
    let outcome = world.run(
      """
      push() { d2-push --url $DST --quiet --rejects rejects "$@" > /dev/null 2> errors; echo $?; }
      push < bad; wc -l < rejects
      push < good; grep -c 'rejects holds rejects already: give --append-rejects, --overwrite-rejects, or another name; nothing was sent' errors; wc -l < rejects; ls rejects.part 2> /dev/null
      curl -sf $DST/control/values | wc -l
      head -3 bad | push --append-rejects; wc -l < rejects; jq -c .value rejects | head -20 | cmp - bad && echo same
      head -5 bad | push --overwrite-rejects; wc -l < rejects
      push --overwrite-rejects < good; wc -c < rejects; push < bad; wc -l < rejects
      push --append-rejects --overwrite-rejects < bad; d2-push --url $DST --append-rejects < bad 2> /dev/null; echo $?
      jq -c .value rejects > own; d2-push --url $DST --quiet --rejects own < own > /dev/null; echo $?; wc -l < own
      """)
    #expect(
      outcome.lines == [
        "1", "20", "73", "1", "20", "0", "1", "23", "same", "1", "5", "0", "0", "1", "20", "64", "64", "1", "20",
      ], "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }

  @Test("what a killed run left counts as rejects, and two runs at once cannot share a file")
  func parts() throws {
    let world = try servers()
    let outcome = world.run(
      """
      mkfifo fifo; (cat bad; exec sleep 60) > fifo & writer=$!
      d2-push --url $DST --quiet --batch-size 5 --rejects rejects < fifo > out 2> /dev/null & first=$!
      for n in {1..600}; do [ -s rejects.part ] && break; sleep 0.05; done
      head -2 bad | d2-push --url $DST --quiet --rejects rejects > /dev/null 2> errors; echo $?; grep -c 'another d2-push is writing rejects into rejects now' errors
      kill -9 $first; wait $first 2> /dev/null; kill $writer; n=$(wc -l < rejects.part); ((n > 0)) && echo some
      head -2 bad | d2-push --url $DST --quiet --rejects rejects > /dev/null 2> errors; echo $?; grep -c 'rejects.part holds the rejects of a run that did not finish' errors
      wc -l < rejects.part | grep -cx $n
      head -2 bad | d2-push --url $DST --quiet --rejects rejects --append-rejects > /dev/null; echo $?; wc -l < rejects | grep -cx $((n + 2)); ls rejects.part 2> /dev/null
      jq -c .value rejects | tail -2 | cmp - <(head -2 bad) && echo same
      """)
    #expect(
      outcome.lines == ["73", "1", "some", "73", "1", "1", "1", "1", "same"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("a run that a signal ends replaces no rejects, though it was allowed to; its own are beside them")
  func interrupted() throws {
    let world = try servers()
    let outcome = world.run(
      """
      d2-push --url $DST --quiet --rejects rejects < bad > /dev/null; cp rejects before
      mkfifo fifo; (jq -c .value rejects | head -7; exec sleep 60) > fifo & writer=$!
      d2-push --url $DST --batch-size 5 --rejects rejects --overwrite-rejects < fifo > /dev/null 2> errors & push=$!
      for n in {1..600}; do [ -s rejects.part ] && break; sleep 0.05; done
      kill -TERM $push; wait $push; echo $?; kill $writer; cmp rejects before && echo kept; wc -l < rejects.part; grep -c 'rejects.part holds the rejects' errors
      """)
    #expect(
      outcome.lines == ["143", "kept", "7", "1"], "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }

  @Test(
    "a full disk: every value is in a count, what could not be written is told, the part is named, the summary is there",
    .enabled(if: canMount), arguments: [1, 4])
  func fullDisk(concurrency: Int) throws {
    let world = try servers()
    world.shell.write(
      "small.sh",
      """
      for n in {1..400}; do sed "s/Nonexisten1/None0000$((n + 100))/" bad; done > many; wc -l < many
      d2-push --url $DST --batch-size 500 --concurrency \(concurrency) --rejects full/rejects --summary summary < many > /dev/null 2> errors; echo $?
      ls full
      jq -s -c 'length' full/rejects.part > written 2>&1; echo $?
      jq -r --argjson written "$(cat written)" '[.read == .imported + .updated + .deleted + .ignored + .refused + .notSent + .queued, .read > 1000, .status, .isWhole, .rejectsLost > 0, .rejectsLost + $written == .refused + .notSent] | tostring' summary
      grep -c 'cannot write full/rejects.part: No space left on device' errors
      grep -c 'full/rejects.part holds a part of the rejects' errors
      grep -c 'of the rejects could not be written' errors
      grep -c 'do not add up' errors
      """)
    let outcome = world.run(
      "mkdir -p full; unshare -m bash -c 'mount -t tmpfs -o size=300k none full && source ./small.sh'")
    #expect(
      outcome.lines == ["8000", "73", "rejects.part", "0", "[true,true,73,false,true,true]", "1", "1", "1", "0"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }

  @Test("what is refused is kept also when the reader of stdout goes")
  func rejectsSurviveBrokenPipe() throws {
    let world = try World()
    let outcome = world.run(
      """
      \(World.pullAll) --quiet | jq -c '.orgUnit="Nonexisten1"' > bad
      d2-push --url $DST --batch-size 5 --rejects rejects < bad | head -1 > /dev/null; echo ${PIPESTATUS[0]}; ls rejects
      """)
    #expect(outcome.lines == ["141", "rejects"], "\(outcome.errors)")
  }
}
