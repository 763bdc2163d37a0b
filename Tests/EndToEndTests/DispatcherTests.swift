import D2Store
import D2Common
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-push --via", .waiting)
struct DispatcherTests {
  typealias Flavour = DispatcherOptions.Flavour
  private static let push = World.pushToQueue

  private func servers(
    _ flavour: Flavour, _ to: StandInServer.ServerVersion = .v42, values: Int = 500,
    change: (inout DispatcherOptions) -> Void = { _ in }
  ) throws -> World {
    let servers = try World(.v42, to, values: values, queue: flavour, changeQueue: change)
    let made = servers.prepareValues()
    #expect(made.status == 0, "\(made.errors)")
    return servers
  }

  // MARK: Queueing

  @Test(
    "values in any order are queued by data set, period and facility, and arrive", arguments: Flavour.allCases, [1, 4])
  func arrives(flavour: Flavour, concurrency: Int) throws {
    let servers = try servers(flavour)
    let outcome = servers.run(
      """
      cat values | \(Self.push) --facilities units --concurrency \(concurrency) --summary sum > batches; echo ${PIPESTATUS[*]}
      jq -s -c '[(map(.values)|add),(map(.queued)|add),(map(.refused+.notSent+.imported)|add)]' batches
      jq -c '[.read == .queued,.refused,.notSent,.delivered,.status]' sum; wc -l < values
      jq -r '[.dataSet,.period,.orgUnit]|@csv' batches | sort -u | wc -l; wc -l < batches
      jq -r '[.dataSet,.period,.orgUnit]|@csv' values | sort -u | wc -l
      jq -r '.uid // "none"' batches | sort -u | head -1 | awk '{print length($0)}'
      """)
    let count = servers.shell.file("values").split(separator: "\n").count
    let lines = outcome.lines
    #expect(lines.count == 8, "\(outcome.output)\(outcome.errors)")
    #expect(lines.prefix(4) == ["0 0", "[\(count),\(count),0]", "[true,0,0,0,0]", "\(count)"], "\(outcome.errors)")
    #expect(Set(lines.dropFirst(4).prefix(3)).count == 1, "as few requests as can be: \(lines)")
    #expect(lines.last == (flavour == .c ? "4" : "11"))
    let totals = World.totals(outcome.errors)
    #expect(totals["read"] == count && totals["queued"] == count)
    let faults = servers.faults(ofNames: servers.names())
    #expect(faults.isEmpty, "\(faults.prefix(3))")
    servers.waitForDelivery()
    #expect(servers.hasArrived)
    #expect(servers.queue.requests.allSatisfy { $0["status"]?.string == "completed" })
  }

  @Test("the bytes of the values are queued as they came, dispatcher2 keeps them")
  func verbatim() throws {
    let servers = try servers(.c) { $0.deliverAfterSeconds = nil }
    let outcome = servers.run(
      #"""
      sed -n 1p values | jq -c '{a:1.50,"b":"\u00e9<&>"}+.+{value:(" 1"+.value)}' | sed 's/"a":1.5,/ "a" : 1.50 ,/' > odd
      \#(Self.push) --facilities units < odd > /dev/null
      """#)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let odd = servers.shell.file("odd").split(separator: "\n").first.map(String.init) ?? ""
    #expect(servers.queue.requests.first?["body"]?.string == "{\"dataValues\":[\(odd)]}")
  }

  @Test("awkward names reach the queue as they are", arguments: Flavour.allCases)
  func names(flavour: Flavour) throws {
    let servers = try servers(flavour) { $0.deliverAfterSeconds = nil }
    let outcome = servers.run(
      #"""
      jq -s -c '["St. \"Mary\" & Co; a=b?c#d/e+f%20", "line\nbreak\ttab", "😀 Centre de santé, «Nord»", "\("x"*115)\("é"*115)"] as $odd
        | to_entries[] | .value + {name: ($odd[.key % 4] + " \(.key)")}' units > odd
      \#(Self.push) --facilities odd < values > /dev/null
      """#)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let names = servers.names("odd")
    #expect(names.values.contains { $0.count > 230 })
    let faults = servers.faults(ofNames: names)
    #expect(faults.isEmpty && !servers.queue.requests.isEmpty, "\(faults.prefix(3))")
  }

  @Test("codes or uids instead of names", arguments: Flavour.allCases)
  func otherLabels(flavour: Flavour) throws {
    let servers = try servers(flavour) { $0.deliverAfterSeconds = nil }
    let ids = servers.run("head -20 values | \(Self.push) --facility-by id > /dev/null")
    #expect(ids.status == 0, "\(ids.errors)")
    let facilities = servers.queue.requests.map { $0["parameters"]?["facility"]?.string ?? "" }
    #expect(facilities.allSatisfy { servers.names()[$0] != nil } && !facilities.isEmpty)
    let codes = servers.run("head -20 values | \(Self.push) --facility-by code --facilities units > /dev/null")
    #expect(codes.status == 0, "\(codes.errors)")
    let last = servers.queue.requests.last?["parameters"]?["facility"]?.string ?? ""
    #expect(last.first?.isLetter == true && last.dropFirst().allSatisfy(\.isNumber), "\(last)")
  }

  @Test("the flavour is found by asking", arguments: Flavour.allCases, ["auto", "dispatcher"])
  func probing(flavour: Flavour, via: String) throws {
    let servers = try servers(flavour)
    let outcome = servers.run(
      "d2-push --via \(via) --source national --destination repo --facility-by id < values > /dev/null",
      ["D2_DISPATCHER_URL": servers.queue.url])
    #expect(outcome.status == 0, "\(outcome.errors)")
    servers.waitForDelivery()
    #expect(servers.hasArrived)
  }

  @Test("what is no queue is found out: a DHIS2 server, nothing at all")
  func noQueue() throws {
    let servers = try servers(.c)
    let dhis2 = servers.run(
      "d2-push --via auto --dispatcher-url $DST/queue --source a --destination b --facility-by id < values")
    #expect(dhis2.status == 76 && dhis2.errors.contains("--dispatcher-url"), "\(dhis2.errors)")
    let closed = servers.run(
      "d2-push --via auto --dispatcher-url http://127.0.0.1:9/queue --retries 1 --source a --destination b --facility-by id < values"
    )
    #expect(closed.status == 69, "\(closed.errors)")
    for flavour in ["dispatcher2", "go-dispatcher2"] {
      let named = servers.run(
        "d2-push --via \(flavour) --dispatcher-url $DST/queue --source a --destination b --facility-by id < values")
      #expect([69, 76, 77].contains(named.status), "\(named.errors)")
    }
  }

  @Test("a token is go-dispatcher2's other way in")
  func token() throws {
    let servers = try servers(.go) { $0.tokens = ["t0ken"] }
    let outcome = servers.run("\(Self.push) --facility-by id < values > /dev/null", ["D2_DISPATCHER_TOKEN": "t0ken"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let wrong = servers.run(
      "\(Self.push) --facility-by id --rejects r < values > /dev/null", ["D2_DISPATCHER_TOKEN": "no"])
    #expect(wrong.status == 77 && !wrong.errors.contains("no)"), "\(wrong.errors)")
  }

  @Test("large groups are cut to --batch-size and --batch-bytes; the last value of a key is the last that is queued")
  func sizes() throws {
    let servers = try servers(.c) { $0.deliverAfterSeconds = nil }
    let outcome = servers.run(
      """
      sed -n 1p values > one; for i in $(seq 250); do jq -c --arg i $i '.dataElement="Elem\\(100000+($i|tonumber))"[0:11]|.value=$i' one; done > many
      \(Self.push) --facility-by id --batch-size 100 < many | jq -c .values | tr '\\n' ' '; echo
      \(Self.push) --facility-by id --batch-bytes 4000 < many | jq -c '.bytes > 4100' | sort -u
      for i in 1 2 3; do jq -c --arg i $i '.value=$i' one; done > triple
      \(Self.push) --facility-by id --concurrency 4 < triple | jq -c .values | tr '\\n' ' '
      """)
    #expect(outcome.lines == ["100 100 50 ", "false", "1 1 1 "], "\(outcome.output)\(outcome.errors)")
    let last = servers.queue.requests.suffix(3).map { $0["body"]?.string ?? "" }
    #expect(last.count == 3 && last[2].contains(#""value":"3""#) && last[0].contains(#""value":"1""#))
  }

  // MARK: Failures

  @Test(
    "a server that the queue does not know: 78, both named, everything in the rejects, tried once",
    arguments: Flavour.allCases)
  func unknownServer(flavour: Flavour) throws {
    let servers = try servers(flavour)
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

  @Test("wrong credentials are 77 and not tried again", arguments: Flavour.allCases)
  func credentials(flavour: Flavour) throws {
    let servers = try servers(flavour)
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
    let servers = try servers(flavour)
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
    let servers = try servers(flavour, values: 300)
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
    let servers = try servers(flavour)
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
    let servers = try servers(.go)
    servers.queue.add(
      faults: try Fault(
        parsing:
          #"{"kind":"status","status":502,"type":"text/plain","body":"Failed to add request to queue","times":0}"#))
    let outcome = servers.run("\(Self.push) --facility-by id < values > /dev/null")
    #expect(outcome.status == 78 && outcome.errors.contains("Content-Type"), "\(outcome.errors)")
  }

  @Test("413 refuses the values of that request alone")
  func tooLarge() throws {
    let servers = try servers(.go)
    servers.queue.add(faults: try Fault(parsing: #"{"kind":"status","status":413,"skip":2}"#))
    let outcome = servers.run(
      "\(Self.push) --facility-by id --rejects rejects < values > out; echo $?; jq -s 'map(select(.httpStatus == 413))|length' out; jq -r .message rejects | sort -u"
    )
    #expect(outcome.lines.prefix(2) == ["1", "1"] && outcome.output.contains("--batch-bytes"), "\(outcome.errors)")
  }

  @Test("values without a data set are named: 65, or into the rejects while the rest goes on")
  func homeless() throws {
    let servers = try servers(.c)
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
    let servers = try servers(.c)
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

  @Test("a signal ends it in good order: what is not queued is in the rejects")
  func signal() throws {
    let servers = try servers(.go)
    servers.queue.add(faults: try Fault(parsing: #"{"kind":"stall","seconds":60,"skip":5,"times":0}"#))
    let outcome = servers.run(
      "\(Self.push) --facility-by id --rejects rejects < values > out & sleep 2; kill -TERM $!; wait $!; echo $?; jq -s 'map(.queued)|add' out"
    )
    #expect(outcome.lines.first == "143", "\(outcome.errors)")
    let totals = World.totals(outcome.errors)
    #expect((totals["queued"] ?? 0) >= 5 && (totals["not"] ?? 0) > 0, "\(outcome.errors)")
  }

  // MARK: --wait

  @Test(
    "--wait accounts by the destination's counts where the queue keeps its answers",
    arguments: [
      StandInServer.ServerVersion.v40, .v42, .v43,
    ])
  func waiting(version: StandInServer.ServerVersion) throws {
    let servers = try servers(.go, version, values: 400) { $0.keepsAnswers = true }
    let outcome = servers.run(
      "\(Self.push) --facilities units --wait --concurrency 2 < values > out; echo $?; jq -r .delivery out | sort -u")
    #expect(outcome.lines == ["0", "completed"], "\(outcome.errors)")
    let totals = World.totals(outcome.errors)
    #expect(World.taken(totals) == totals["read"] && totals["queued"] == 0, "\(outcome.errors)")
    #expect(servers.hasArrived)
  }

  @Test("--wait without the answers: delivered, and no more is claimed")
  func waitingBlindly() throws {
    let servers = try servers(.go, values: 300)
    let outcome = servers.run(
      "\(Self.push) --facilities units --wait --summary sum < values > out; echo $?; jq -c '.read == .delivered and .read == .queued' sum"
    )
    #expect(outcome.lines == ["0", "true"] && outcome.errors.contains("delivered)"), "\(outcome.errors)")
    #expect(servers.hasArrived)
  }

  @Test("--wait where the destination imports as a job: the counts that the queue writes in the end")
  func waitingForJobs() throws {
    let servers = try servers(.go, values: 60) { $0.servers[1].isAsync = true }
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
    let servers = try servers(.go, version, values: 400) { $0.retryAfterSeconds = 300 }
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
    let servers = try servers(.go, values: 60) { options in
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
    let servers = try servers(.go, values: 60) { $0.deliverAfterSeconds = nil }
    let outcome = servers.run(
      """
      \(Self.push) --facilities units --wait --rejects rejects < values > out & job=$!; sleep 2
      base=${QUEUE%/api/queue}; uid=$(curl -s $base/control/requests | jq -r '.[0].uid')
      curl -s -u queuer:secret -X DELETE $QUEUE/$uid > /dev/null; curl -s -X POST $base/control/cancel > /dev/null
      wait $job; echo $?; jq -c .value rejects | sort | cmp - <(sort values) && echo all
      jq -r .delivery out | sort -u | tr '\\n' ' '
      """)
    #expect(outcome.lines == ["75", "all", "canceled unknown "], "\(outcome.output)\(outcome.errors)")
    #expect(servers.shell.file("rejects").contains("ERROR7"))
  }

  @Test("--wait-for: what is not delivered by then stays queued, and the run says so: 75")
  func waitingTooLong() throws {
    let servers = try servers(.go, values: 300) { $0.deliverAfterSeconds = nil }
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
    let servers = try servers(.c)
    for via in ["dispatcher2", "auto"] {
      let outcome = servers.run(
        "d2-push --via \(via) --dispatcher-url $QUEUE --source national --destination repo --facility-by id --wait < values"
      )
      #expect(outcome.status == 64 && outcome.errors.contains("returns no id"), "\(outcome.errors)")
    }
    #expect(servers.queue.requests.isEmpty)
  }

  // MARK: With a pair

  @Test("with a pair the servers' names and the facilities come from the store, and from the source what it lacks")
  func pair() throws {
    let world = try World(pairIn: .sqlite, values: 500)
    // A server of a pair that was given no other name is called by its address.
    let (source, destination) = (world.source.url.dropFirst(7), world.destination.url.dropFirst(7))
    var options = DispatcherOptions()
    options.servers = [
      .init(String(source), url: world.source.url),
      .init(String(destination), url: world.destination.url + "/api/dataValueSets"),
    ]
    options.servers[1].parsesAnswers = false
    let queue = try DispatcherStandIn(options)
    queue.start()
    defer { queue.stop() }
    let more = [
      "QUEUE": queue.url, "D2_DISPATCHER_USERNAME": "queuer", "D2_DISPATCHER_PASSWORD": "secret",
    ]
    let outcome = world.run(
      """
      d2-orgunits sync --pair hmis --level 4 --quiet > /dev/null
      \(World.pullAll) --quiet | jq -c 'select(.deleted != true)' > values
      d2-push --pair hmis --via auto --dispatcher-url $QUEUE --rejects rejects < values > /dev/null; echo $?; wc -c < rejects
      """, more)
    #expect(outcome.lines == ["0", "0"], "\(outcome.errors)")
    let known = Dictionary(
      world.metadata.organisationUnits.map { ($0.uid, $0.name) }, uniquingKeysWith: { first, _ in first })
    var faults = 0
    for request in queue.requests {
      let body = try JSONValue(parsing: request["body"]?.string ?? "")
      let unit = body["dataValues"]?.array?.first?["orgUnit"]?.string ?? ""
      if request["parameters"]?["facility"]?.string != known[unit] { faults += 1 }
    }
    #expect(faults == 0 && !queue.requests.isEmpty)
  }

  @Test("a slice of registrations is not for a queue")
  func registrationsSlice() throws {
    let world = try World(pairIn: .sqlite)
    let outcome = world.run(
      #"""
      echo '{"dataSet":"abcdefghijk","period":"202401","organisationUnit":"abcdefghijk"}' | d2-push --slice '{"pair":1,"kind":"registrations","dataSet":"abcdefghijk","orgUnits":["abcdefghijk"]}' --via dispatcher2 --dispatcher-url http://127.0.0.1:9/queue --facility-by id
      """#)
    #expect(outcome.status == 64 && outcome.errors.contains("registrations"), "\(outcome.errors)")
  }

  @Test("the stand-in queue as a command, in a pipeline", arguments: Flavour.allCases)
  func command(flavour: Flavour) throws {
    let servers = try servers(flavour)
    let outcome = servers.run(
      """
      dhis2-stand-in --dispatcher \(flavour) --deliver-to $DST/api/dataValueSets --port-file port > url & trap 'kill %1' EXIT
      for i in $(seq 100); do [ -s url ] && break; sleep 0.1; done
      \(World.pullAll) --quiet | jq -c 'select(.deleted != true)' | d2-push --via auto --dispatcher-url $(cat url) --source source --destination destination --facility-by id > /dev/null
      echo ${PIPESTATUS[*]}
      for i in $(seq 100); do curl -s http://127.0.0.1:$(cat port)/control/requests | jq -e 'all(.status != "ready")' > /dev/null && break; sleep 0.1; done
      """)
    #expect(outcome.lines == ["0 0 0"], "\(outcome.errors)")
    #expect(servers.hasArrived)
  }
}
