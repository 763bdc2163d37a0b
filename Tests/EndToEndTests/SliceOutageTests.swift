import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// A server that is down costs no attempts. A slice that it refuses for good is parked.
@Suite("d2-slices: servers that are down", .waiting)
struct SliceOutageTests {
  @Test("a destination that is down costs no attempts; when it is back, all goes on", arguments: StoreKind.available)
  func down(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    try world.fail(destination: #"{"kind":"status","status":503,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 3 --attempts 3 --retry-after 0.2s -- "$MOVE" 2> log & run=$!
      await '[ $(grep -c "all pause" log) -ge 4 ]'; count failed
      d2-slices list --pair hmis | jq -s -c '[(map(.attempt) | add < 10), (map(.lastStatus) | map(select(. != null)) | unique)]'
      heal $DST; wait $run; echo $?; states
      """)
    #expect(outcome.lines == ["0", "[true,[75]]", "0", "done=12"], "\(outcome.output)\(world.shell.file("log"))")
    let differences = world.differences(of: [0], where: World.isInQuarterOfMonths)
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

  @Test("a refused password ends the run: 77, no attempt counts, and few sign-ins", arguments: StoreKind.available)
  func refusedPassword(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    let outcome = world.run(
      """
      echo wrong > pw; chmod 600 pw
      d2-pairs set hmis --destination-username admin --destination-password file:$PWD/pw --quiet > /dev/null
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
      curl -sf -o /dev/null -X POST $DST/control/reset-stats
      timeout 60 d2-slices run --pair hmis --jobs 2 --retry-after 0.2s 2> log; echo $?; states
      d2-slices list --pair hmis | jq -s -c 'map(.attempt) | unique'
      tail -1 log | grep -c "the run stopped, and no attempt counts"
      curl -sf $DST/control/stats | jq -r '.logins <= 8'
      """)
    #expect(
      outcome.lines == ["77", "waiting=12", "[0]", "1", "true"], "\(outcome.output)\(world.shell.file("log"))")
  }

  @Test("a refusal is noted also where an end is slow to say that it is there")
  func slowlyAlive() throws {
    let world = try World(slicesIn: .sqlite, values: 100, level: nil)
    let outcome = world.run(
      #"""
      d2-slices plan --pair hmis --data-set YEAR -y 2022 --quiet > /dev/null
      fault $SRC '{"kind":"status","status":403,"body":"{\"httpStatusCode\":403,\"message\":\"User may not read it\"}","type":"application/json","times":0,"path":"/api/dataValueSets"}'
      fault $DST '{"kind":"latency","seconds":12,"times":0,"path":"/api/me"}'
      d2-slices run --pair hmis --lease 10s --retry-after 0.1s --attempts 2; echo $?
      d2-slices list --pair hmis | jq -r '"\(.state) \(.attempt) \(.lastStatus)"'
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
      d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet > /dev/null
      d2-slices run --pair hmis --jobs 2 --attempts 2 --retry-after 0.2s --give-up-after 1s -- "$MOVE"; echo $?
      count failed; count done; d2-slices list --pair hmis | jq -s -c '[.[].lastStatus | select(. != null)] | unique'
      """)
    #expect(outcome.lines == ["75", "0", "0", "[69]"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("gave up"))
  }
}
