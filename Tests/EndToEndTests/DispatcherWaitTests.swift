import D2Common
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-push --via --wait", .waiting)
struct DispatcherWaitTests {
  typealias Flavour = DispatcherOptions.Flavour
  private static let push = World.pushToQueue

  @Test(
    "--wait accounts by the destination's counts where the queue keeps its answers",
    arguments: [
      StandInServer.ServerVersion.v40, .v42, .v43,
    ])
  func waiting(version: StandInServer.ServerVersion) throws {
    let servers = try World(queueing: .go, version, values: 400) { $0.keepsAnswers = true }
    let outcome = servers.run(
      "\(Self.push) --facilities units --wait --concurrency 2 < values > out; echo $?; jq -r .delivery out | sort -u")
    #expect(outcome.lines == ["0", "completed"], "\(outcome.errors)")
    let totals = World.totals(outcome.errors)
    #expect(World.taken(totals) == totals["read"] && totals["queued"] == 0, "\(outcome.errors)")
    #expect(servers.hasArrived)
  }

  @Test("--wait without the answers: delivered, and no more is claimed")
  func waitingBlindly() throws {
    let servers = try World(queueing: .go, values: 300)
    let outcome = servers.run(
      "\(Self.push) --facilities units --wait --summary sum < values > out; echo $?; jq -c '.read == .delivered and .read == .queued' sum"
    )
    #expect(outcome.lines == ["0", "true"] && outcome.errors.contains("delivered)"), "\(outcome.errors)")
    #expect(servers.hasArrived)
  }

  @Test("--wait where the destination imports as a job: the counts that the queue writes in the end")
  func waitingForJobs() throws {
    let servers = try World(queueing: .go, values: 60) { $0.servers[1].isAsync = true }
    let outcome = servers.run("head -20 values > few; \(Self.push) --facilities units --wait < few > out; echo $?")
    let totals = World.totals(outcome.errors)
    #expect(outcome.lines == ["0"] && World.taken(totals) == 20, "\(outcome.errors)")
  }

  @Test(
    "--wait: what the destination refuses is refused at once, with its reason, although the queue would try on",
    arguments: [
      StandInServer.ServerVersion("2.38")!, .v42, .v43,
    ])
  func refusals(version: StandInServer.ServerVersion) throws {
    let servers = try World(queueing: .go, version, values: 400) { $0.retryAfterSeconds = 300 }
    let outcome = servers.run(
      """
      sed -n 3p values | jq -c '.dataElement="Nonexisten1"' > bad; sed -n 40p values | jq -c '.orgUnit="Nonexisten1"' >> bad
      { sed -n 1,100p values; cat bad; } > mixed
      \(Self.push) --facility-by id --wait --rejects rejects < mixed > out; echo $?
      jq -c .value rejects | grep -c Nonexisten1; jq -r '.message|length > 0' rejects | sort -u
      """)
    #expect(outcome.lines == ["1", "2", "true"], "\(outcome.output)\(outcome.errors)")
    let totals = World.totals(outcome.errors)
    // From 2.43 on the others of the same request are not stored either.
    #expect(
      totals["read"] == 102 && totals["not"] == 0 && (2...40).contains(totals["refused"] ?? 0), "\(outcome.errors)")
  }

  @Test("--wait: requests that expire or are canceled are in the rejects, with the queue's reason: 75")
  func expired() throws {
    let servers = try World(queueing: .go, values: 60) { options in
      options.servers[1].url = "http://127.0.0.1:9/api/dataValueSets"
      options.retryAfterSeconds = 0.1
    }
    let outcome = servers.run(
      "\(Self.push) --facilities units --wait --rejects rejects < values > out; echo $?; jq -c .value rejects | sort | cmp - <(sort values) && echo all; jq -r .message rejects | sort -u; jq -r .delivery out | sort -u"
    )
    #expect(
      outcome.lines.prefix(2) == ["75", "all"] && outcome.lines.last == "expired", "\(outcome.output)\(outcome.errors)")
    #expect(outcome.output.contains("ERROR02"))
  }

  @Test("--wait: requests that an operator deletes or cancels are in the rejects too")
  func stopped() throws {
    let servers = try World(queueing: .go, values: 60) { $0.deliverAfterSeconds = nil }
    let outcome = servers.run(
      """
      base=${QUEUE%/api/queue}; groups=$(jq -r '"\\(.dataSet) \\(.period) \\(.orgUnit)"' values | sort -u | wc -l)
      \(Self.push) --facilities units --wait --rejects rejects < values > out & job=$!
      await '[ $(curl -s $base/control/requests | jq length) = $groups ]'
      uid=$(curl -s $base/control/requests | jq -r '.[0].uid')
      curl -s -u queuer:secret -X DELETE $QUEUE/$uid > /dev/null
      curl -s -X POST $base/control/cancel > /dev/null
      wait $job; say status $?
      jq -c .value rejects | sort | cmp - <(sort values) && say rejects all
      say deliveries $(jq -r .delivery out | sort -u)
      """)
    #expect(outcome.output == "status=75\nrejects=all\ndeliveries=canceled unknown\n", "\(outcome.errors)")
    #expect(servers.shell.file("rejects").contains("ERROR7"))
  }

  @Test("--wait-for: what is not delivered by then stays queued, and the run says so: 75")
  func waitingTooLong() throws {
    let servers = try World(queueing: .go, values: 300) { $0.deliverAfterSeconds = nil }
    let outcome = servers.run(
      "\(Self.push) --facilities units --wait --wait-for 2s --rejects rejects < values > out; say status $?; say queued $(jq -s 'map(.queued)|add' out)"
    )
    #expect(outcome["status"] == "75", "\(outcome.errors)")
    #expect(outcome["queued"] == "\(servers.shell.lines(of: "values"))")
    #expect(servers.shell.file("rejects") == "")
    #expect(outcome.errors.contains("still in the queue"))
  }

  @Test("--wait with dispatcher2 is a usage error that says why, also where the flavour was found")
  func waitingInC() throws {
    let servers = try World(queueing: .c)
    for via in ["dispatcher2", "auto"] {
      let outcome = servers.run(
        "d2-push --via \(via) --dispatcher-url $QUEUE --source national --destination repo --facility-by id --wait < values"
      )
      #expect(outcome.status == 64 && outcome.errors.contains("returns no id"), "\(outcome.errors)")
    }
    #expect(servers.queue.requests.isEmpty)
  }
}
