import D2Store
import D2Common
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-push --via", .waiting)
struct DispatcherTests {
  typealias Flavour = DispatcherOptions.Flavour
  private static let push = World.pushToQueue

  @Test(
    "values in any order are queued by data set, period and facility, and arrive", arguments: Flavour.allCases, [1, 4])
  func arrives(flavour: Flavour, concurrency: Int) throws {
    let servers = try World(queueing: flavour)
    let outcome = servers.run(
      """
      cat values | \(Self.push) --facilities units --concurrency \(concurrency) --summary sum > batches
      say statuses ${PIPESTATUS[*]}
      """)
    #expect(outcome.output == "statuses=0 0\n", "\(outcome.errors)")
    let values = try servers.shell.documents(in: "values")
    let count = values.count
    let summary = try #require(try servers.shell.documents(in: "sum").first)
    for (key, expected) in ["read": count, "queued": count, "refused": 0, "notSent": 0, "delivered": 0, "status": 0] {
      #expect(summary[key]?.int == expected, "\(key)")
    }
    let batches = try servers.shell.documents(in: "batches")
    func sum(_ key: String) -> Int { batches.reduce(0) { $0 + ($1[key]?.int ?? 0) } }
    #expect(sum("values") == count)
    #expect(sum("queued") == count)
    #expect(sum("refused") + sum("notSent") + sum("imported") == 0)
    // As few requests as can be.
    func groups(_ documents: [JSONValue]) -> [String] {
      documents.map { "\($0["dataSet"]?.string ?? "") \($0["period"]?.string ?? "") \($0["orgUnit"]?.string ?? "")" }
    }
    #expect(groups(batches).sorted() == Set(groups(values)).sorted())
    // dispatcher2 reports no ids.
    let lengths = Set(batches.map { $0["uid"]?.string?.count ?? 0 })
    #expect(lengths == [flavour == .c ? 0 : 11])
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
    let servers = try World(queueing: .c) { $0.deliverAfterSeconds = nil }
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
    let servers = try World(queueing: flavour) { $0.deliverAfterSeconds = nil }
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
    let servers = try World(queueing: flavour) { $0.deliverAfterSeconds = nil }
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
    let servers = try World(queueing: flavour)
    let outcome = servers.run(
      "d2-push --via \(via) --source national --destination repo --facility-by id < values > /dev/null",
      ["D2_DISPATCHER_URL": servers.queue.url])
    #expect(outcome.status == 0, "\(outcome.errors)")
    servers.waitForDelivery()
    #expect(servers.hasArrived)
  }

  @Test("servers other than a queue are found out: a DHIS2 server, nothing at all")
  func noQueue() throws {
    let servers = try World(queueing: .c)
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
    let servers = try World(queueing: .go) { $0.tokens = ["t0ken"] }
    let outcome = servers.run("\(Self.push) --facility-by id < values > /dev/null", ["D2_DISPATCHER_TOKEN": "t0ken"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let wrong = servers.run(
      "\(Self.push) --facility-by id --rejects r < values > /dev/null", ["D2_DISPATCHER_TOKEN": "no"])
    #expect(wrong.status == 77 && !wrong.errors.contains("no)"), "\(wrong.errors)")
  }

  @Test("large groups are cut to --batch-size and --batch-bytes; the last value of a key is the last that is queued")
  func sizes() throws {
    let servers = try World(queueing: .c) { $0.deliverAfterSeconds = nil }
    let outcome = servers.run(
      """
      sed -n 1p values > one
      jq -c 'range(1; 251) as $i | .dataElement = "Elem\\(100000 + $i)"[0:11] | .value = "\\($i)"' one > many
      \(Self.push) --facility-by id --batch-size 100 < many | jq -c .values | tr '\\n' ' '; echo
      \(Self.push) --facility-by id --batch-bytes 4000 < many | jq -c '.bytes > 4100' | sort -u
      jq -c '.value = ("1", "2", "3")' one > triple
      \(Self.push) --facility-by id --concurrency 4 < triple | jq -c .values | tr '\\n' ' '
      """)
    #expect(outcome.lines == ["100 100 50 ", "false", "1 1 1 "], "\(outcome.output)\(outcome.errors)")
    let last = servers.queue.requests.suffix(3).map { $0["body"]?.string ?? "" }
    #expect(last.count == 3 && last[2].contains(#""value":"3""#) && last[0].contains(#""value":"1""#))
  }

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
    let servers = try World(queueing: flavour)
    let outcome = servers.run(
      """
      dhis2-stand-in --dispatcher \(flavour) --deliver-to $DST/api/dataValueSets --port-file port > url & trap 'kill %1' EXIT
      await '[ -s url ]'
      \(World.pullAll) --quiet | jq -c 'select(.deleted != true)' | d2-push --via auto --dispatcher-url $(cat url) --source source --destination destination --facility-by id > /dev/null
      echo ${PIPESTATUS[*]}
      await 'curl -s http://127.0.0.1:$(cat port)/control/requests | jq -e "all(.status != \\"ready\\")" > /dev/null'
      """)
    #expect(outcome.lines == ["0 0 0"], "\(outcome.errors)")
    #expect(servers.hasArrived)
  }
}
