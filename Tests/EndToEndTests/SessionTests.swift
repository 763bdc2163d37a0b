import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// A server ends sessions while commands run: with a token ten newer sign-ins do, a restart does, some answer 401.
/// Nobody notices.
@Suite("sessions that end", .waiting)
struct SessionTests {
  typealias Version = StandInServer.ServerVersion
  private static let token = "d2p_s3ss1on"
  /// Twelve sign-ins with the token, which end the oldest two sessions and more.
  private static let signIns =
    #"sign_in() { local n; for n in 1 2 3 4 5 6 7 8 9 10 11 12; do curl -sf -o /dev/null -H "Authorization: ApiToken $D2_PAT" "$1/api/me"; done; }"#

  private func servers(_ version: Version, values: Int = 3000) throws -> World {
    try World(version, version, values: values, environment: ["D2_PAT": Self.token]) {
      $0.superuserTokens = [Self.token]
    }
  }

  private func isSilent(_ errors: String) -> Bool {
    // A port may contain these numbers.
    let text = errors.lowercased().replacing(/127\.0\.0\.1:[0-9]+/, with: "")
    return !["log", "302", "401", "--url", "retrying"].contains { text.contains($0) }
  }

  /// That some requests were refused for lack of a session, and that each of these had a cookie: without one nothing is
  /// made again.
  private func checkRepeats(_ server: StandIn, _ status: Int, atLeast least: Int = 1) {
    let recent = server.statistics["recent"]?.array ?? []
    let refused = recent.filter { $0["status"]?.int == status }
    #expect(refused.count >= least)
    #expect(refused.allSatisfy { $0["cookie"]?.bool == true })
  }

  @Test("twelve sign-ins between two batches of a push", arguments: [Version.v40, .v42, .v43])
  func push(version: Version) throws {
    let world = try servers(version)
    let outcome = world.run(
      """
      \(Self.signIns)
      \(World.pullAll) --quiet > values
      { head -n 1000 values; await '[ $(imports $DST) -gt 0 ]'; sign_in $DST; tail -n +1001 values; } | d2-push --url $DST --batch-size 500 --rejects r; echo $?
      """)
    #expect(outcome.lines.last == "0", "\(outcome.output)\(outcome.errors)")
    #expect(world.differences() == [])
    #expect(World.taken(World.totals(outcome.errors)) == World.totals(outcome.errors)["read"])
    #expect(isSilent(outcome.errors), "\(outcome.errors)")
    checkRepeats(world.destination, 302)
  }

  @Test(
    "before each batch, several at a time, with a redirect or 401",
    arguments: [Version.v40, .v42, .v43], [302, 401])
  func pushAlways(version: Version, status: Int) throws {
    let world = try servers(version)
    try world.fail(
      destination: #"{"kind":"end-sessions","status":\#(status),"path":"/api","times":0}"#)
    let outcome = world.run(
      """
      \(World.pullAll) --quiet > values
      d2-push --url $DST --batch-size 300 --concurrency 4 --rejects r < values; echo $?
      """)
    #expect(outcome.lines.last == "0", "\(outcome.output)\(outcome.errors)")
    #expect(world.differences() == [])
    #expect(isSilent(outcome.errors), "\(outcome.errors)")
    checkRepeats(world.destination, status, atLeast: 3)
  }

  @Test("an import in the background is followed over the end of its session", arguments: [Version.v40, .v42])
  func asyncPush(version: Version) throws {
    let world = try servers(version)
    try world.fail(destination: #"{"kind":"end-sessions","path":"/api","times":0}"#)
    let outcome = world.run(
      "\(World.pullAll) --quiet > values; d2-push --url $DST --async --batch-size 1000 --rejects r < values; echo $?"
    )
    #expect(outcome.lines.last == "0", "\(outcome.output)\(outcome.errors)")
    #expect(world.differences() == [])
    checkRepeats(world.destination, 302, atLeast: 3)
  }

  @Test("a refusal that comes before the body was read, as a large body is refused", arguments: [Version.v40, .v42])
  func earlyRefusal(version: Version) throws {
    let world = try servers(version)
    try world.fail(
      destination:
        #"{"kind":"refuse-early","method":"POST","status":302,"headers":{"Location":"/dhis-web-commons-security/logout.action"},"body":"","skip":1}"#
    )
    let outcome = world.run(
      """
      \(World.pullAll) --quiet > values
      d2-push --url $DST --compression none --batch-size 1500 --rejects r < values; echo $?
      """)
    #expect(outcome.lines.last == "0", "\(outcome.output)\(outcome.errors)")
    #expect(world.differences() == [])
  }

  @Test(
    "before a pull's first request for values and between them, one or four at a time",
    arguments: [Version.v40, .v42, .v43], [0, 1, 2])
  func pull(version: Version, skip: Int) throws {
    let world = try servers(version)
    let all = world.run("\(World.pullAll) --quiet | LC_ALL=C sort > all")
    #expect(all.status == 0, "\(all.errors)")
    #expect(world.shell.lines(of: "all") > 1000)
    let pull = "\(World.pullAll) 2>> errors | LC_ALL=C sort | cmp - all; echo $?"
    for more in ["", "--concurrency 4", "--spool", "--count"] {
      world.source.clearFaults()
      world.source.resetStatistics()
      try world.fail(
        source: #"{"kind":"end-sessions","path":"/api/dataValueSets","skip":\#(skip),"times":1}"#)
      let outcome = world.run(
        more == "--count"
          ? "\(World.pullAll) --count > counts 2>> errors; echo $?"
          : pull.replacing("2>>", with: more + " 2>>"))
      #expect(outcome.lines == ["0"], "\(more): \(outcome.output)\(world.shell.file("errors"))")
      checkRepeats(world.source, 302)
    }
    #expect(isSilent(world.shell.file("errors")), "\(world.shell.file("errors"))")
  }

  @Test("twelve sign-ins while a pull waits for its reader, and before its next requests")
  func pullSlowly() throws {
    let world = try servers(.v42)
    let outcome = world.run(
      """
      \(Self.signIns)
      \(World.pullAll) --quiet | LC_ALL=C sort > all
      curl -sf -o /dev/null $SRC/control/faults -d '[{"kind":"latency","seconds":10,"path":"/api/dataValueSets"}]'
      \(World.pullAll) --quiet --max-rate 64K > values & pull=$!
      # Its request for values waits in the server.
      await 'curl -sf $SRC/control/faults | grep -q "\\[\\]"'; sign_in $SRC; wait $pull; echo $?
      LC_ALL=C sort values | cmp - all; echo $?
      """)
    #expect(outcome.lines == ["0", "0"], "\(outcome.output)\(outcome.errors)")
    checkRepeats(world.source, 302)
  }

  @Test(
    "a pair's commands, each request of which finds its session ended", .serialized, arguments: StoreKind.available,
    [302, 401]
  )
  func pairs(kind: StoreKind, status: Int) throws {
    let world = try World(pairIn: kind, values: 2000, pair: false, environment: ["TOKEN": Self.token]) {
      $0.superuserTokens = [Self.token]
    }
    let fault = #"{"kind":"end-sessions","status":\#(status),"path":"/api","times":0}"#
    try world.fail(source: fault)
    try world.fail(destination: fault)
    let outcome = world.run(
      """
      unset D2_USERNAME D2_PASSWORD; export XDG_STATE_HOME=$PWD/state
      d2-pairs add hmis --quiet --source-url $SRC --source-pat env:TOKEN --destination-url $DST --destination-pat env:TOKEN > /dev/null
      d2-pairs test hmis > test; echo $?
      d2-orgunits sync --pair hmis > units && d2-datasets sync --pair hmis > sets; echo $?
      d2-orgunits check --pair hmis > checked; d2-datasets check --pair hmis > checked2; echo $?
      d2-pull --pair hmis -y 2022 | d2-push --pair hmis > /dev/null; echo "${PIPESTATUS[@]}"
      d2-diff --pair hmis -y 2022 > differences; echo $?; wc -c < differences
      d2-map suggest --pair hmis > map; echo $?
      """)
    #expect(
      outcome.lines == ["0", "0", "0", "0 0", "0", "0", "0"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("differences"))")
    #expect(isSilent(outcome.errors.replacing("d2-datasets", with: "")), "\(outcome.errors)")
    checkRepeats(world.source, status, atLeast: 10)
    checkRepeats(world.destination, status, atLeast: 3)
  }

  @Test(
    "four workers, each of whose commands signs in with the same token", .serialized, arguments: StoreKind.available)
  func slices(kind: StoreKind) throws {
    let world = try World(
      slicesIn: kind, values: 4000, environment: ["TOKEN": Self.token, "D2_PAT": Self.token]
    ) { $0.superuserTokens = [Self.token] }
    let outcome = world.run(
      """
      \(Self.signIns)
      unset D2_USERNAME D2_PASSWORD
      d2-pairs set hmis --source-pat env:TOKEN --destination-pat env:TOKEN > /dev/null
      d2-slices plan --pair hmis -y 2022 > /dev/null
      # Others use the token too, and each request for values finds its session ended.
      while sleep 0.5; do sign_in $SRC; sign_in $DST; done & others=$!
      for server in $SRC $DST; do fault $server '{"kind":"end-sessions","path":"/api/dataValueSets","times":0}'; done
      d2-slices run --pair hmis --jobs 4 > run 2> errors; echo $?
      kill $others
      states | grep -c '^done=[0-9]*$'
      d2-slices list --pair hmis | jq -s 'map(.attempt) | max'
      """)
    #expect(outcome.lines == ["0", "1", "1"], "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
    #expect(world.differences().isEmpty, "\(world.differences())")
    checkRepeats(world.source, 302)
    checkRepeats(world.destination, 302)
  }

  // MARK: What does fail

  @Test("wrong credentials are tried once, and never with a repeat: accounts lock")
  func wrongFromTheStart() throws {
    let world = try World(values: 10)
    for script in [
      "D2_PASSWORD=wrong d2-pull --url $SRC --data-set $DS --org-unit $ROOT --period 2022",
      "D2_PASSWORD=wrong d2-pull --url $SRC --data-set $DS --org-unit $ROOT --period 2022 --no-check --concurrency 4",
    ] {
      world.source.resetStatistics()
      let outcome = world.run(script)
      #expect(outcome.status == 77, "\(outcome.errors)")
      #expect(world.source.statistics["logins"]?.int == 1, "\(world.source.statistics)")
    }
  }

  @Test(
    "what is refused without a cookie too has failed: one repeat, and no login page is named as an address",
    arguments: [
      #"{"kind":"status","status":401,"body":"","path":"/api/dataValueSets","method":"POST","skip":1,"times":0}"#,
      #"{"kind":"redirect","location":"/dhis-web-commons-security/logout.action","path":"/api/dataValueSets","method":"POST","skip":1,"times":0}"#,
      #"{"kind":"redirect","path":"/api/dataValueSets","method":"POST","skip":1,"times":0}"#,
    ])
  func refusedForGood(fault: String) throws {
    let world = try servers(.v42)
    try world.fail(destination: fault)
    let outcome = world.run(
      "\(World.pullAll) --quiet > values; d2-push --url $DST --batch-size 1000 --rejects r < values")
    #expect(outcome.status == 77, "\(outcome.errors)")
    #expect(outcome.errors.contains("check the token in D2_PAT"), "\(outcome.errors)")
    #expect(!outcome.errors.contains("login.action") && !outcome.errors.contains("logout"), "\(outcome.errors)")
    let posts = (world.destination.statistics["recent"]?.array ?? []).filter { $0["method"]?.string == "POST" }
    #expect(posts.count == 3 && posts.last?["cookie"]?.bool == false, "\(posts)")
  }
}
