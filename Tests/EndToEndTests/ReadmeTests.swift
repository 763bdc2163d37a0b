import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Runs the commands of README.md verbatim, block by block. Then checks the data that each of the two servers received.
@Suite("README.md", .waiting)
struct ReadmeTests {
  @Test("its commands move what they say, and no credentials reach the server that they are not for")
  func commands() throws {
    let readme = Cookbook.readme
    #expect(readme.commands.count == 3)
    let scene = try CookbookScene(.v42, for: readme)
    // The destination lacks a unit that has values in January.
    let before = scene.run(
      """
      unit=$(at $SRC 'select(month and january)' | jq -r '.[2]' | sort | uniq -c | sort -n | tail -n 1 | awk '{print $2}'); echo $unit > lacking
      change $DST '{"organisationUnits":[{"id":"'$unit'","removed":true}]}'
      """)
    #expect(before.status == 0, "\(before.errors)")
    let outcome = scene.cook(
      readme,
      instead: [
        ("d2-pairs add hmis", #"change $DST '{"organisationUnits":[{"id":"'$(cat lacking)'"}]}'; d2-pairs add hmis"#),
        ("d2-backlog hmis", "scripts/backlog hmis"),
        ("d2-continuous hmis --interval 600", "timeout -s INT 8 scripts/continuous hmis --interval 1"),
      ])
    let all = outcome.printed.joined(separator: "\n")
    // The first one ends because of refused values, the last one by the signal.
    #expect(outcome.statuses == ["1", "0", "124"], "\(all)")
    for line in readme.shown {
      #expect(outcome.printed.contains { Cookbook.matches(line, $0) }, "not seen: \(line)\nbut:\n\(all)")
    }
    let after = scene.run(
      """
      tokens() { curl -sS $1/control/stats | jq -r '.recent[] | .authorizationHeader // "none"' | sort -u | paste -sd,; }
      tokens $SRC; tokens $DST
      cmp trial.ndjson rejects.ndjson && jq -r .value.orgUnit rejects.ndjson | sort -u | cmp - lacking && echo 'all of one unit'
      others='select(.orgUnit != env.O6uvpzGd5pu)'; arrived "$others" "$others"
      """)
    #expect(
      after.lines == ["ApiToken d2pat_source", "ApiToken d2pat_destination", "all of one unit", "arrived"],
      "\(after.output)\(after.errors)\(all)")
  }

  @Test("with the source's credentials alone the destination gets none, whatever they are called")
  func oneSided() throws {
    let world = try World(values: 50) { $0.superuserTokens = ["d2p_source"] }
    let pull =
      "d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31"
    let push = "d2-push --url $DST --rejects r > /dev/null"
    let outcome = world.run(
      """
      unset D2_USERNAME D2_PASSWORD
      export D2_SOURCE_PAT=d2p_source; \(pull) --quiet > values; echo $?; \(push) < values; echo $?
      unset D2_SOURCE_PAT; export D2_SOURCE_USERNAME=admin D2_SOURCE_PASSWORD=district; \(pull) --quiet | wc -l; \(push) < values; echo $?
      unset D2_SOURCE_USERNAME D2_SOURCE_PASSWORD; export D2_PAT=d2p_source D2_SOURCE_PAT=d2p_source; \(push) < values; echo $?
      unset D2_PAT; d2-pull --url $DST --side destination --data-set $DS --org-unit $ROOT --period 2022; echo $?
      d2-pull --url $SRC --data-set $DS --org-unit $ROOT --period 2022 --username admin --quiet; echo $?
      """)
    #expect(outcome.lines == ["0", "77", "50", "77", "64", "77", "64"], "\(outcome.output)\(outcome.errors)")
    let sent = (world.destination.statistics["recent"]?.array ?? []).compactMap { $0["authorizationHeader"]?.string }
    #expect(sent.isEmpty && world.destination.values.isEmpty)
    for part in [
      "no credentials were given: set D2_DESTINATION_PAT, or D2_DESTINATION_USERNAME and D2_DESTINATION_PASSWORD; D2_SOURCE_PAT is for the source only",
      "D2_SOURCE_USERNAME is for the source only", "it is not sent to the destination",
    ] { #expect(outcome.errors.contains(part), "not seen: \(part)\nbut:\n\(outcome.errors)") }
    #expect(!outcome.errors.contains("d2p_source") && !outcome.errors.contains("district"))
  }

  @Test(
    "a pair without credentials takes each end's, and says where those came from that are refused",
    arguments: StoreKind.available)
  func pairs(kind: StoreKind) throws {
    let world = try World(pairIn: kind, values: 400, pair: false)
    let outcome = world.run(
      """
      export XDG_STATE_HOME=$PWD/state
      for end in source destination; do echo "$end" > $end.pat; done
      d2-pairs add hmis --quiet --source-url $SRC --destination-url $DST > /dev/null
      unset D2_USERNAME D2_PASSWORD
      export D2_SOURCE_USERNAME=admin D2_SOURCE_PASSWORD=district
      d2-pairs test hmis > /dev/null 2> test; echo $?; grep -c 'D2_DESTINATION_PAT, or' test
      export D2_DESTINATION_USERNAME=admin D2_DESTINATION_PASSWORD=district
      d2-pairs test hmis > /dev/null; echo $?; d2-orgunits sync --pair hmis > /dev/null; d2-datasets sync --pair hmis > /dev/null
      d2-pull --pair hmis -y 2022 --quiet | d2-push --pair hmis --rejects r > /dev/null; echo "${PIPESTATUS[@]}"
      d2-diff --pair hmis -y 2022 | wc -l
      D2_SOURCE_PASSWORD=wrong d2-pull --pair hmis -y 2022 2> pull; echo $?; grep -o 'check D2_SOURCE_USERNAME and D2_SOURCE_PASSWORD' pull
      d2-pairs set hmis --source-username admin --source-password env:WRONG > /dev/null
      WRONG=x d2-pull --pair hmis -y 2022 2> own; echo $?; grep -o 'd2-pairs set hmis --source-pat' own; grep -c D2_ own
      d2-push --pair hmis --username admin --password-file source.pat < /dev/null 2> option; echo $?; grep -o 'the password in source.pat' option
      """)
    #expect(
      outcome.lines == [
        "77", "1", "0", "0 0", "0", "77", "check D2_SOURCE_USERNAME and D2_SOURCE_PASSWORD", "77",
        "d2-pairs set hmis --source-pat", "0", "77", "the password in source.pat",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test("the address of a page is taken for the server's, and a code for a question after its uid")
  func addresses() throws {
    let world = try World(values: 100)
    let outcome = world.run(
      """
      ask() { d2-pull --url "$SRC$1" --data-set "$2" --org-unit "$3" --children --start-date 2021-12-01 --end-date 2023-01-31 "${@:4}" 2> errors; }
      for page in '/dhis-web-dashboard/#/x' '/apps/dashboard#/' '/api/dataValueSets?dataSet=x' '/dhis-web-commons/security/login.action'; do
        ask "$page" $DS $ROOT | wc -l; grep -c "the server's own is $SRC\\$" errors; done
      ask '' MONTH $ROOT; echo $?; grep -o "MONTH: .*" errors | sed "s|$SRC|URL|"
      name=$(curl -sS -u admin:district "$SRC/api/organisationUnits/$ROOT?fields=name" | jq -r .name)
      ask '' ${DS%%,*} "$name"; echo $?; grep -o "takes uids: .*" errors | sed "s|$SRC|URL|"
      ask '' Nothing $ROOT; echo $?; grep -o "unknown to" errors
      """)
    let values = World.content(world.source).filter { !$0.contains(#""deleted":true"#) }.count
    #expect(
      outcome.lines == (1...4).flatMap { _ in ["\(values)", "1"] } + [
        "64", "MONTH: --data-set takes uids: the one with this code at URL is \(world.dataSets[0])", "64",
        "takes uids: the one with this name at URL is \(world.root)", "64", "unknown to",
      ], "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }
}
