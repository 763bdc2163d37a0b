import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Servers up to 2.42 hang for good when too many imports run at once.
@Suite("imports at once", .waiting)
struct ImportLimitTests {
  @Test("more than six to a server up to 2.42 are refused before anything is sent; later versions take them")
  func push() throws {
    for (version, statuses) in [
      (StandInServer.ServerVersion.v40, ["0", "64", "64", "64", "0", "0", "64", "0"]),
      (.v42, ["0", "64", "64", "64", "0", "0", "64", "0"]),
      (.v43, ["0", "0", "0", "0", "0", "0", "0", "0"]),
    ] {
      let world = try World(version, version)
      let outcome = world.run(
        """
        \(World.pullAll) --quiet > values
        push() { d2-push --url $DST --quiet "$@" < values > /dev/null 2>> errors; echo $?; }
        push --concurrency 6; push --concurrency 7; push --concurrency 7 --dry-run; D2_RUN_JOBS=3 push --concurrency 3
        D2_RUN_JOBS=3 push --concurrency 2; push --concurrency 7 --force-concurrency; D2_RUN_JOBS=7 push --concurrency auto; push --concurrency auto
        """)
      #expect(outcome.lines == statuses, "\(version): \(outcome.output)\(world.shell.file("errors"))")
      let errors = world.shell.file("errors")
      if version != .v43 {
        #expect(
          errors.contains("--concurrency 7: 7 imports at once, but the destination is 2.4"), "\(errors)")
        #expect(errors.contains("3 workers at a time, each with --concurrency 3: 9 imports at once"), "\(errors)")
      }
    }
  }

  @Test("D2_CONCURRENCY is the default of --concurrency; what was found is left to the next command of the worker")
  func environment() throws {
    for (version, seven) in [(StandInServer.ServerVersion.v42, "64"), (.v43, "0")] {
      let world = try World(version, version)
      let outcome = world.run(
        """
        \(World.pullAll) --quiet > values
        mkdir -m 700 shared; export D2_SESSION_DIR=$PWD/shared
        push() { d2-push --url $DST --quiet "$@" < values > /dev/null 2>> errors; echo $?; }
        notes() { jq -c 'select(.target == "pace of d2-push").document | keys' shared/session-*-*; }
        D2_CONCURRENCY=7 push; D2_CONCURRENCY=7 push --concurrency 2; D2_CONCURRENCY=much push; D2_CONCURRENCY= push
        rm shared/*; D2_CONCURRENCY=auto push; notes; push; notes
        """)
      let note = #"["concurrency","fixed","growth","size"]"#
      #expect(
        outcome.lines == [seven, "0", "64", "0", "0", note, "0", note],
        "\(version): \(outcome.output)\(world.shell.file("errors"))")
      #expect(
        world.shell.file("errors").contains("D2_CONCURRENCY: \"much\" is neither a number from 1 to 64 nor auto"),
        "\(world.shell.file("errors"))")
    }
  }

  @Test("a run of the ledger counts its workers, before it begins and in each push", arguments: StoreKind.available)
  func run(kind: StoreKind) throws {
    for version in [StandInServer.ServerVersion.v42, .v43] {
      let world = try World(slicesIn: kind, version, version, values: 300)
      let outcome = world.run(
        """
        d2-slices plan --pair hmis --data-set MONTH -y 2022 -m 5 --quiet > /dev/null
        run() { d2-slices run --pair hmis --retry-after 0.1s --quiet "$@" 2>> errors; echo $?; }
        run --jobs 7; states
        run --jobs 3 -- 'd2-pull --slice "$D2_SLICE" --spool | d2-push --slice "$D2_SLICE" --concurrency 3 > /dev/null'
        d2-slices list --pair hmis | jq -r '"\\(.state) \\(.lastStatus) \\(.lastError)"' | sort -u | cut -d: -f1-3; d2-slices reset --pair hmis --all --yes --quiet
        run --jobs 7 -- 'true --via'; d2-slices reset --pair hmis --all --yes --quiet
        run --jobs 7 --force-concurrency; states
        """)
      let isOld = version == .v42
      #expect(
        outcome.lines
          == (isOld
            ? [
              "64", "waiting=4", "1",
              "failed 64 d2-push: … workers at a time, each with --concurrency …: … imports at once, but the destination is 2.42.5.2, "
                + "and a server up to 2.42 can hang for good with more than …",
            ] : ["0", "done=4", "0", "done 0 null"]) + ["1", "0", "done=4"],
        "\(version): \(outcome.output)\(world.shell.file("errors"))")
      let errors = world.shell.file("errors")
      #expect(errors.contains("--jobs 7: 7 imports at once, but the destination is 2.42") == isOld, "\(errors)")
    }
  }

  @Test("the scripts hand on what allows more", arguments: ["sync hmis", "backlog hmis -y 2022 -m 5"])
  func scripts(call: String) throws {
    let world = try World(slicesIn: .sqlite, values: 300)
    let outcome = world.run(
      """
      scripts/\(call) --jobs 7 --data-set MONTH > /dev/null 2> errors; echo $?
      scripts/\(call) --jobs 7 --force-concurrency --data-set MONTH > /dev/null 2>> errors; echo $?
      """)
    #expect(outcome.lines == ["64", "0"], "\(outcome.output)\(world.shell.file("errors"))")
  }
}
