import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// The folders that are safe for health data, and the needs of scripts. They are reported before anything is moved.
@Suite("the user's own folder, and programs that are missing", .waiting)
struct StateFolderTests {
  /// A pair with one refused value.
  private static func world() throws -> World {
    let world = try World(slicesIn: .sqlite, values: 300, level: nil)
    let unit = world.metadata.organisationUnits.last!.uid
    try world.destination.change(metadata: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    return world
  }

  @Test(
    "an XDG_STATE_HOME that is empty or relative counts as unset: by every command and script",
    arguments: ["", "state"])
  func unset(value: String) throws {
    let world = try Self.world()
    let outcome = world.run(
      """
      export XDG_STATE_HOME=\(value) HOME=$PWD/home; mkdir home
      d2-slices plan --pair hmis -y 2022 > /dev/null
      d2-slices run --pair hmis --accept-rejects --attempts 1 > /dev/null
      say of-slices $(ls -d home/.local/state/d2/rejects/*/pair-1 | wc -l)
      rm -r home/.local; scripts/integrator -d -y 2022 > /dev/null
      say of-integrator $(ls -d home/.local/state/d2/rejects/*/pair-1 | wc -l)
      rm -r home/.local; timeout 20 scripts/continuous hmis --interval 100 > log 2>&1 & await '[ -s log ]'; kill $!; wait $!
      say of-continuous $(ls home/.local/state/d2 | grep -c '^continuous-'); ls -d state /d2 /tmp/d2 2> /dev/null
      unset D2_STORE; d2-pairs list; say pairs $?
      """)
    #expect(
      outcome.lines == ["of-slices=1", "of-integrator=1", "of-continuous=1", "pairs=78"],
      "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("there is no store \(world.shell.folder)/home/.local/state/d2/d2.sqlite yet"),
      "\(outcome.errors)")
  }

  @Test(
    "without a folder in HOME or XDG_STATE_HOME nothing is written anywhere: 78 and what to say",
    arguments: ["", "XDG_STATE_HOME=", "HOME=home"])
  func homeless(setting: String) throws {
    let world = try Self.world()
    let outcome = world.run(
      """
      d2-slices plan --pair hmis -y 2022 > /dev/null
      without() { env -u HOME -u XDG_STATE_HOME \(setting) "$@" > /dev/null; echo $?; }
      without d2-slices run --pair hmis; without scripts/integrator -d -y 2022; without scripts/continuous hmis
      without env -u D2_STORE d2-pairs list
      d2-slices list --pair hmis --state waiting,leased,retry | wc -l | grep -c '^0$'
      without d2-slices run --pair hmis --rejects-dir rejects --accept-rejects
      """)
    #expect(outcome.lines == ["78", "78", "78", "78", "0", "1"], "\(outcome.output)\(outcome.errors)")
    for what in [
      "say where refused values go with --rejects-dir", "say where refused values go with D2_REJECTS",
      "continuous: neither HOME nor XDG_STATE_HOME is set", "say where the store is with --store or D2_STORE",
    ] { #expect(outcome.errors.contains(what), "\(outcome.errors)") }
  }

  @Test("refused values of several pairs go to a folder for each, which d2-slices names")
  func rejectsFolders() throws {
    let world = try Self.world()
    let outcome = world.run(
      """
      export D2_REJECTS_DIR=all
      d2-slices plan --pair hmis -y 2022 > /dev/null
      d2-slices run --pair hmis --accept-rejects --attempts 1 > /dev/null; say run $? $(ls all)
      say ledger $(d2-slices list --pair hmis | jq -r '.rejects // empty | sub("/slice-[^/]*$"; "")' | sort -u)
      d2-slices reset --pair hmis --all --yes --quiet; rm -r all
      d2-slices run --pair hmis --accept-rejects --attempts 1 --rejects-dir one > /dev/null; ls -d all; say named $(ls one | tr -d 0-9 | sort -u)
      D2_REJECTS=some scripts/integrator -d -y 2022 > /dev/null; say integrator $? $(ls some); ls -d all
      rm -r some; scripts/integrator -d -y 2022 > /dev/null; say passed-on $? $(ls all)
      """)
    #expect(
      outcome.lines == [
        "run=1 pair-1", "ledger=\(world.shell.folder)/all/pair-1", "named=slice-.ndjson", "integrator=1 pair-1",
        "passed-on=1 pair-1",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test("where jq is missing each script that needs it says so once, before it does anything")
  func withoutJq() throws {
    let world = try World(slicesIn: .sqlite, values: 0)
    let outcome = world.run(
      """
      mkdir none; ln -s /usr/bin/* none/; rm none/jq; export PATH=$(dirname "$(command -v d2-pull)"):$PWD/none HOME=$PWD
      for script in 'integrator -d -y 2022' 'reconcile hmis' 'sync hmis --dry-run' 'backlog hmis --from 2022-01-01 --to 2022-02-01 --dry-run' \\
        'continuous hmis --dry-run'; do
        scripts/$script > out 2> errors; echo $? $(grep -c 'jq is not installed' errors) $(grep -c 'command not found' errors)
      done
      d2-slices list --pair hmis | wc -l; scripts/sync hmis > /dev/null 2> errors; echo $? $(grep -c jq errors)
      """)
    #expect(
      outcome.lines == [String](repeating: "78 1 0", count: 5) + ["0", "0 0"], "\(outcome.output)\(outcome.errors)")
  }
}
