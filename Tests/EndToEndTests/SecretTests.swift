import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Nobody else can see a secret of a run: not in the arguments of a process, in the output, or in the rejects.
@Suite("secrets of a run", .waiting)
struct SecretTests {
  @Test("no secret in any process's words, in output, errors, rejects or the ledger", arguments: StoreKind.available)
  func run(kind: StoreKind) throws {
    let secrets = ["s3cretOfTheSource", "s3cretOfTheDestination", "s3cretOfTheQueue", "s3cretOfTheStore"]
    let world = try World(slicesIn: kind, values: 500, level: nil) { options in
      options.users = ["reader": secrets[0], "writer": secrets[1]]
    }
    let unit = world.metadata.organisationUnits.last!.uid
    try world.change(destination: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let dispatcher = try Self.queue(between: world, password: secrets[2])
    defer { dispatcher.stop() }
    var store = world.store.location
    let role = "d2_secret_\(UInt32.random(in: 0...UInt32.max))"
    if kind == .postgresql {
      try world.store.connect().executeScript(
        "CREATE ROLE \(role) LOGIN SUPERUSER PASSWORD '\(secrets[3])' IN ROLE d2_with_password")
      store = world.store.url(role: role, password: secrets[3])
    }
    let outcome = world.run(
      """
      d2-pairs set hmis --source-username reader --source-password env:SECRET1 --destination-username writer --destination-password file:$PWD/secret2 --verbose > out 2>&1 || echo set $?
      printf '%s\\n' "$SECRET2" > secret2
      (while [ ! -e stop ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep 's3cret[O]f' >> words; echo >> samples; done) & sampler=$!
      d2-pairs test hmis --verbose >> out 2>&1
      d2-slices plan --pair hmis -y 2022 -q 1 --verbose >> out 2>&1
      d2-slices run --pair hmis --jobs 3 --accept-rejects --rejects-dir rej --verbose >> out 2>&1; say refused $?
      d2-slices reset --pair hmis --all --yes --quiet
      d2-slices run --pair hmis --jobs 3 --max-slices 4 --verbose -- 'd2-pull --slice "$D2_SLICE" --spool --verbose | d2-push --slice "$D2_SLICE" --via go-dispatcher2 --source national --destination repo --rejects "$D2_REJECTS" --verbose > /dev/null' >> out 2>&1; say queued $?
      # Whatever goes wrong says it without them.
      d2-slices reset --pair hmis --all --yes --quiet; fault $SRC '{"kind":"status","status":403,"times":0,"path":"/api/dataValueSets"}'
      d2-slices run --pair hmis --attempts 1 --give-up-after 0.5s --retry-after 0.1s --verbose -- "$MOVE" >> out 2>&1; say down $?
      heal $SRC; SECRET1=$WRONG d2-slices run --pair hmis --jobs 2 --attempts 1 --max-slices 2 --no-wait --verbose -- "$MOVE" >> out 2>&1
      D2_STORE=${D2_STORE/TheStore/TheStoreWrong} d2-slices status --pair hmis --verbose >> out 2>&1
      d2-pairs show hmis >> out; d2-pairs list >> out; d2-slices list --pair hmis >> out
      touch stop; wait $sampler; touch words
      say samples $(wc -l < samples); say in-arguments $(wc -l < words); say in-output $(grep -c 's3cret[O]f' out)
      say in-rejects $(cat rej/* | grep -c 's3cret[O]f'); say rejects $(ls rej | wc -l)
      """,
      [
        "D2_STORE": store, "SECRET1": secrets[0], "WRONG": secrets[0] + "ButWrong", "SECRET2": secrets[1],
        "D2_DISPATCHER_URL": dispatcher.url,
        "D2_DISPATCHER_USERNAME": "queuer", "D2_DISPATCHER_PASSWORD": secrets[2],
      ])
    let out = world.shell.file("out")
    #expect(outcome["refused"] == "1", "\(out.suffix(3000))")
    #expect(outcome["queued"] == "0", "\(out.suffix(3000))")
    #expect(["75", "1"].contains(outcome["down"]), "down or parked: \(outcome.output)\(out.suffix(3000))")
    #expect(Int(outcome["rejects"] ?? "") ?? 0 > 0, "some were refused")
    try Self.expectNoSecret(outcome, world)
    if kind == .postgresql { try world.store.connect().executeScript("DROP ROLE \(role)") }
  }

  /// A dispatcher2 that delivers from the source to the destination, with a user of its own.
  private static func queue(between world: World, password: String) throws -> DispatcherStandIn {
    var options = DispatcherOptions()
    options.flavour = .go
    options.users = ["queuer": password]
    options.servers = [
      .init("national", url: world.source.url),
      .init("repo", url: world.destination.url + "/api/dataValueSets"),
    ]
    let dispatcher = try DispatcherStandIn(options)
    dispatcher.start()
    return dispatcher
  }

  private static func expectNoSecret(_ outcome: Shell.Outcome, _ world: World) throws {
    let out = world.shell.file("out")
    #expect(Int(outcome["samples"] ?? "") ?? 0 > 5)
    #expect(outcome["in-arguments"] == "0", "\(world.shell.file("words"))")
    #expect(outcome["in-output"] == "0", "\(out.split(separator: "\n").first { $0.contains("s3cretOf") } ?? "")")
    #expect(outcome["in-rejects"] == "0")
    #expect(!outcome.errors.contains("s3cretOf"))
    let kept = try ["last_error", "reasons", "rejects", "worker"].flatMap {
      try world.store.rows("SELECT \($0) FROM slices WHERE \($0) LIKE '%s3cretOf%'")
    }
    #expect(kept.isEmpty)
  }
}
