import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Values that the destination refuses are an outcome of a slice, not a failure.
@Suite("d2-slices: refused values", .waiting)
struct SliceRefusalTests {
  /// Two units that the destination does not know, each with values of the quarter.
  private func refusing(_ kind: StoreKind, _ version: StandInServer.ServerVersion = .v42) throws -> (
    World, [String]
  ) {
    let world = try World(slicesIn: kind, version, version)
    let held = Set(
      world.content(world.source, of: [0], where: World.isInQuarterOfMonths).compactMap {
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
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
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
      say planned $(d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet | jq -c '[.added, .again]')
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
        "in-status=[\(refused),0,true]", "in-report=[\(refused),0,true,true]", "on-page=2", "later-run=1",
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
    let differences = world.differences(of: [0], where: World.isInQuarterOfMonths)
    #expect(differences == [])
  }

  @Test("refused values that are accepted: done with them on record, on each version", arguments: StoreKind.available)
  func accepted(kind: StoreKind) throws {
    let (world, units) = try refusing(kind, kind == .sqlite ? .v43 : .v42)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
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
      World.isInQuarterOfMonths($0) && !units.contains($0["orgUnit"]?.string ?? "")
    }
    #expect(differences == [])
  }

  @Test("a run that stops before its end is not a refusal: too many refusals, ids that the source does not know")
  func lasting() throws {
    let (world, _) = try refusing(.sqlite)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
      run() { d2-slices run --pair hmis --accept-rejects --rejects-dir rej --retry-after 0.1s --quiet -- "$1"; }
      push='d2-push --slice "$D2_SLICE" --rejects "$D2_REJECTS" --max-rejects 0 >/dev/null'
      run "d2-pull --slice \\"\\$D2_SLICE\\" --spool | $push"; say too-many $?
      d2-slices list --pair hmis --state failed > failed
      say failures "$(jq -r '"\\(.attempt) \\(.lastError)"' failed | sort -u)"
      say refused $(count refused)
      say messages $(cat $(jq -r .rejects failed) | jq -r .message | sort -u | wc -l)
      d2-slices reset --pair hmis --all --yes --quiet
      run 'd2-pull --slice "$D2_SLICE" --spool --data-set Nonexisten1 | d2-push --slice "$D2_SLICE" >/dev/null'
      say unknown $?; say states $(d2-slices list --pair hmis | jq -c '[.state, .attempt]' | sort -u)
      """)
    #expect(outcome["too-many"] == "1", "\(outcome.errors)")
    #expect(outcome["failures"] == "2 d2-push: … of … values refused: more than --max-rejects allows")
    #expect(outcome["refused"] == "0")
    #expect(outcome["messages"] != "0")
    #expect(outcome["unknown"] == "1")
    #expect(outcome["states"] == #"["failed",2]"#)
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

  @Test("refusals by hand are noted as such by done and by fail", arguments: StoreKind.available)
  func refusedByHand(kind: StoreKind) throws {
    let (world, _) = try refusing(kind)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
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
    #expect(outcome.errors.contains("marked as refused, not as done"))
  }

  @Test("stores do not share a folder of refused values; one store has one, however it is named")
  func rejectsFolders() throws {
    let world = try World(slicesIn: .sqlite, level: nil)
    let unit = world.metadata.organisationUnits.last!.uid
    try world.change(destination: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null; mkdir one two; for store in one two; do cp $D2_STORE $store/d2.sqlite; done
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
}
