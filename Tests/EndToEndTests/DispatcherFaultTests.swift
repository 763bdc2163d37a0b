import D2Common
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-push --via: what goes wrong", .waiting)
struct DispatcherFaultTests {
  typealias Flavour = DispatcherOptions.Flavour
  private static let push = World.pushToQueue

  @Test(
    "a server that the queue does not know: 78, both named, everything in the rejects, tried once",
    arguments: Flavour.allCases)
  func unknownServer(flavour: Flavour) throws {
    let servers = try World(queueing: flavour)
    for (source, destination) in [("elsewhere", "repo"), ("national", "nowhere")] {
      let outcome = servers.run(
        """
        d2-push --via $VIA --dispatcher-url $QUEUE --source \(source) --destination \(destination) --facility-by id --rejects rejects --overwrite-rejects < values > out
        echo $?; jq -c .value rejects | sort | cmp - <(sort values) && echo all; jq -s 'map(.queued)|add // 0' out
        """)
      #expect(outcome.lines == ["78", "all", "0"], "\(outcome.output)\(outcome.errors)")
      #expect(outcome.errors.contains(source == "elsewhere" ? "elsewhere" : "nowhere"))
      let totals = World.totals(outcome.errors)
      #expect(totals["queued"] == 0 && totals["not"] == totals["read"])
    }
    #expect(servers.queue.requests.isEmpty)
    #expect(servers.queue.statistics["requests"]?.members?.first?.value.int == 2)
  }

  @Test("wrong credentials are 77 and not retried", arguments: Flavour.allCases)
  func credentials(flavour: Flavour) throws {
    let servers = try World(queueing: flavour)
    let outcome = servers.run(
      "\(Self.push) --facility-by id < values > /dev/null", ["D2_DISPATCHER_PASSWORD": "wrong-secret"])
    #expect(outcome.status == 77 && outcome.errors.contains("D2_DISPATCHER_PASSWORD"), "\(outcome.errors)")
    #expect(!outcome.errors.contains("wrong-secret"))
    #expect(servers.queue.statistics["requests"]?.members?.first?.value.int == 1)
  }

  @Test(
    "a wrong path: dispatcher2 closes the connection, which is explained; go-dispatcher2 answers 404",
    arguments: Flavour.allCases)
  func wrongPath(flavour: Flavour) throws {
    let servers = try World(queueing: flavour)
    let outcome = servers.run(
      "d2-push --via $VIA --dispatcher-url ${QUEUE}s --source national --destination repo --facility-by id < values > /dev/null"
    )
    #expect(outcome.status == 76 && outcome.errors.contains("whole address of the queue"), "\(outcome.errors)")
  }

  @Test(
    "no passing fault loses a value", arguments: Flavour.allCases,
    [
      #"{"kind":"status","status":500,"body":"","skip":3}"#, #"{"kind":"status","status":502,"skip":0,"times":2}"#,
      #"{"kind":"status","status":429,"headers":{"Retry-After":"1"},"skip":5}"#,
      #"{"kind":"reset","skip":2,"times":2}"#,
      #"{"kind":"reset","times":1}"#, #"{"kind":"lost-answer","skip":4}"#, #"{"kind":"stall","seconds":5,"skip":6}"#,
      #"{"kind":"latency","seconds":0.5}"#,
      #"{"kind":"status","status":500,"type":"text/plain","body":"ERR002: Database not connected.Request Queued","skip":1}"#,
    ])
  func passing(flavour: Flavour, fault: String) throws {
    let servers = try World(queueing: flavour, values: 300)
    servers.queue.add(faults: try Fault(parsing: fault))
    let outcome = servers.run(
      "\(Self.push) --facility-by id --first-byte-timeout 2s --idle-timeout 2s --rejects rejects < values > /dev/null; echo $?; wc -c < rejects"
    )
    #expect(outcome.lines == ["0", "0"], "\(outcome.errors)")
    servers.waitForDelivery()
    #expect(servers.hasArrived)
  }

  @Test(
    "a queue that stays broken is 75: what it did not take is in the rejects, and goes on from there",
    arguments: Flavour.allCases)
  func broken(flavour: Flavour) throws {
    let servers = try World(queueing: flavour)
    servers.queue.add(faults: try Fault(parsing: #"{"kind":"status","status":500,"body":"","skip":10,"times":0}"#))
    let outcome = servers.run(
      """
      \(Self.push) --facility-by id --retries 1 --rejects rejects < values > out; echo $?
      echo $(( $(wc -l < rejects) + $(jq -s 'map(.queued)|add' out) - $(wc -l < values) ))
      """)
    #expect(outcome.lines == ["75", "0"], "\(outcome.errors)")
    #expect(servers.queue.requests.count == 10)
    servers.queue.clearFaults()
    let again = servers.run("jq -c .value rejects | \(Self.push) --facility-by id > /dev/null")
    #expect(again.status == 0, "\(again.errors)")
    servers.waitForDelivery()
    #expect(servers.hasArrived)
  }

  @Test("a proxy that changes the Content-Type is explained")
  func contentType() throws {
    let servers = try World(queueing: .go)
    servers.queue.add(
      faults: try Fault(
        parsing:
          #"{"kind":"status","status":502,"type":"text/plain","body":"Failed to add request to queue","times":0}"#))
    let outcome = servers.run("\(Self.push) --facility-by id < values > /dev/null")
    #expect(outcome.status == 78 && outcome.errors.contains("Content-Type"), "\(outcome.errors)")
  }

  @Test("413 refuses the values of that request alone")
  func tooLarge() throws {
    let servers = try World(queueing: .go)
    servers.queue.add(faults: try Fault(parsing: #"{"kind":"status","status":413,"skip":2}"#))
    let outcome = servers.run(
      "\(Self.push) --facility-by id --rejects rejects < values > out; echo $?; jq -s 'map(select(.httpStatus == 413))|length' out; jq -r .message rejects | sort -u"
    )
    #expect(outcome.lines.prefix(2) == ["1", "1"] && outcome.output.contains("--batch-bytes"), "\(outcome.errors)")
  }

  @Test("values without a data set are named: 65, or into the rejects while the rest goes on")
  func homeless() throws {
    let servers = try World(queueing: .c)
    let outcome = servers.run(
      """
      sed -n 1,10p values > mixed; sed -n 11p values | jq -c 'del(.dataSet)' >> mixed; echo nonsense >> mixed; sed -n '12,$p' values >> mixed
      \(Self.push) --facility-by id < mixed > out; echo $?; jq -s 'map(.queued)|add' out
      \(Self.push) --facility-by id --rejects rejects < mixed > out; echo $?; jq -c '[.line,(.value|type)]' rejects; jq -s 'map(.queued)|add' out
      sed -n 1,11p mixed | jq -c 'del(.dataSet)' | \(Self.push) --facility-by id --data-set AbCdefGhijk > out; echo $?; jq -r .dataSet out | sort -u
      """)
    let count = servers.shell.file("values").split(separator: "\n").count
    #expect(
      outcome.lines == ["65", "10", "1", #"[11,"object"]"#, #"[12,"null"]"#, "\(count - 1)", "0", "AbCdefGhijk"],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("line 11") && outcome.errors.contains("--tag-data-set"))
  }

  @Test("units without a known name have their values refused; without any source of names it is a usage error")
  func namesMissing() throws {
    let servers = try World(queueing: .c)
    let outcome = servers.run(
      """
      unit=$(head -1 values | jq -r .orgUnit); grep -v $unit units > some
      \(Self.push) --facilities some --rejects rejects < values > out; echo $?
      jq -r .value.orgUnit rejects | sort -u | cmp - <(echo $unit) && echo just these; jq -r .message rejects | head -1 | grep -c some
      \(Self.push) < values > out; echo $?; \(Self.push) --facilities nowhere < values > out; echo $?
      """)
    #expect(outcome.lines == ["1", "just these", "1", "64", "74"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("--facility-by id") && outcome.errors.contains("--pair"))
  }

  @Test("a signal ends it, and the rejects hold what is not queued")
  func signal() throws {
    let servers = try World(queueing: .go)
    servers.queue.add(faults: try Fault(parsing: #"{"kind":"stall","seconds":60,"skip":5}"#))
    let outcome = servers.run(
      """
      \(Self.push) --facility-by id --rejects rejects < values > out & push=$!
      await 'happened ${QUEUE%/api/queue}'; kill -TERM $push; wait $push; say status $?
      """)
    #expect(outcome.output == "status=143\n", "\(outcome.errors)")
    let totals = World.totals(outcome.errors)
    #expect((totals["queued"] ?? 0) >= 5 && (totals["not"] ?? 0) > 0, "\(outcome.errors)")
  }
}
