import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Runs that are interrupted, run beside each other, or meet what they cannot move.
@Suite("scripts/integrator: what goes wrong", .waiting)
struct IntegratorFaultTests {
  @Test("interrupted and begun again, it goes on where it was", arguments: World.integratorStores, ["TERM", "KILL"])
  func resumes(python: Bool, signal: String) throws {
    let world = try World(python: python, values: 1000)
    try world.fail(source: #"{"kind":"latency","seconds":30,"skip":3,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      setsid scripts/integrator -d -y 2022 -q 1 > first 2>&1 & script=$!
      await '[ "$(d2-slices list --pair 1 --state done 2>/dev/null | wc -l)" -ge 3 ]'
      if [[ \(signal) = KILL ]]; then kill -9 -- -$script; else kill -TERM $script; fi; wait $script; echo $?
      await '[ $(children | wc -l) = 0 ]'; d2-slices list --pair 1 --state done | jq .id | sort > before
      [ $(wc -l < before) -lt 16 ] && echo some
      sql "UPDATE slices SET lease_until = 1 WHERE state = 'leased'"
      heal $SRC; scripts/integrator -d -y 2022 -q 1 > second 2>&1; echo $?
      d2-slices list --pair 1 --state done | jq -s -c --slurpfile b before 'map(select(.id as $i | $b | index($i))) | all(.attempt == 1)'
      """)
    #expect(
      outcome.lines == [signal == "KILL" ? "137" : "143", "some", "0", "true"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("second"))")
    let differences = world.differences(python: python, where: World.isInFirstQuarter)
    #expect(differences == [])
  }

  private static func isInMonths(_ value: JSONValue, _ months: ClosedRange<Int>) -> Bool {
    guard let period = value["period"]?.string.flatMap({ Period(id: $0) }) else { return false }
    let last = CalendarDate(year: 2022, month: months.upperBound + 1, day: 1)!
    return period.start < last && period.end >= CalendarDate(year: 2022, month: months.lowerBound, day: 1)!
  }

  @Test("two runs at once, of other months, each do their own and end well", arguments: World.integratorStores)
  func beside(python: Bool) throws {
    let world = try World(python: python, values: 1500)
    try world.fail(source: #"{"kind":"latency","seconds":0.2,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      scripts/integrator -d -y 2022 -m 5 > five 2>&1 & five=$!
      scripts/integrator -d -y 2022 -m 6 > six 2>&1 & six=$!
      wait $five; echo $?; wait $six; echo $?; tail -qn 1 five six | cut -d' ' -f3-
      d2-slices list --pair 1 | jq -r .state | sort -u
      d2-slices list --pair 1 | jq -r .periods | grep -c '^20220[56]$'; grep -c 'NOT MOVED' five six
      """)
    let lines = outcome.lines
    #expect(
      lines.prefix(4) == ["0", "0", "all went well", "all went well"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("five"))\(world.shell.file("six"))")
    #expect(lines.dropFirst(4) == ["done", "4", "five:0", "six:0"], "\(lines)")
    let differences = world.differences(python: python) { Self.isInMonths($0, 5...6) }
    #expect(differences == [])
  }

  @Test(
    "a run of other months leaves parked slices alone; the next one of their own months retries them",
    arguments: World.integratorStores)
  func parked(python: Bool) throws {
    let world = try World(python: python, values: 1000)
    let june = "scripts/integrator -d -y 2022 -m 6"
    let first = world.run("\(june) > out; echo $?")
    #expect(first.lines == ["0"], "\(world.shell.file("out"))")
    // As a run leaves it that was ended after it had parked one and before it had done another.
    let database = try world.store.connect()
    let sets = world.metadata.dataSets
    for (set, state) in [(sets[0], "failed"), (sets[5], "waiting")] {
      #expect(
        try database.execute(
          "UPDATE slices SET state = $1, last_error = 'd2-pull: no' WHERE periods = '202206' AND dataset_id = $2",
          [.text(state), .text(set.uid)]) == 1)
    }
    let other = world.run(
      "scripts/integrator -d -y 2022 -m 5 > out; echo $?; grep -c -e FAILED -e 'NOT MOVED' out; d2-slices list --pair 1 --state failed | wc -l"
    )
    #expect(other.lines == ["0", "0", "1"], "\(other.output)\(other.errors)\(world.shell.file("out"))")
    let again = world.run(
      "curl -sf -X DELETE $DST/control/values > /dev/null; \(june) > out; echo $?; grep -c -e FAILED -e 'NOT MOVED' out; d2-slices list --pair 1 | jq -r .state | sort -u"
    )
    #expect(
      again.lines == ["0", "0", "done"], "\(again.output)\(again.errors)\(world.shell.file("out"))")
    let includes = world.metadata.elements(of: sets[0].uid)
    let differences = world.differences(of: [0, 5], deleted: true) {
      $0["period"] == "202206"
        && ($0["deleted"] != true || python && includes.contains($0["dataElement"]?.string ?? ""))
    }
    #expect(differences == [])
  }

  @Test("stores that have one name in two folders do not share a folder of refused values")
  func rejectsFolders() throws {
    let world = try World(python: false, values: 800)
    let unit = world.metadata.organisationUnits.last!.uid
    try world.destination.change(metadata: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let outcome = world.run(
      """
      mkdir one two; cp $D2_STORE one/d2.sqlite; cp $D2_STORE two/d2.sqlite; export D2_STORE=d2.sqlite
      for store in one two; do (cd $store; ../scripts/integrator -d -y 2022 -q 1 > out; echo $?; D2_STORE=$PWD/d2.sqlite ../scripts/integrator -d -y 2022 -q 1 > out; echo $?); done
      ls -d state/d2/rejects/*/pair-1 | wc -l; cat state/d2/rejects/*/pair-1/*.ndjson | jq -r .value.orgUnit | sort -u
      """)
    #expect(outcome.lines == ["1", "1", "1", "1", "2", unit], "\(outcome.output)\(outcome.errors)")
  }

  @Test("each end has its own configuration, and a token is a way in", arguments: World.integratorStores)
  func tokens(python: Bool) throws {
    let token = "d2pat_5xVA12xyUbWNedQxy4ohH77WlxRGVvZZ1151814092"
    let world = try World(python: python, values: 300, tokens: [token])
    let set =
      python
      ? #"UPDATE integration_pair SET destination_config = '{"use_pat": "true", "pat": "\#(token)", "username": "admin", "password": "wrong", "api_url": "\#(world.destination.url)/api"}' WHERE id = 1"#
      : ""
    if python { try world.store.connect().executeScript(set) }
    let outcome = world.run(
      """
      [[ -n "\(python ? "python" : "")" ]] || { echo \(token) > pat; d2-pairs set hmis --destination-pat file:$PWD/pat > /dev/null; }
      scripts/integrator -d -y 2022 -m 5 > out; echo $?; grep -c \(token) out
      """)
    #expect(outcome.lines == ["0", "0"], "\(outcome.output)\(outcome.errors)\(world.shell.file("out"))")
    #expect(!world.destination.values.isEmpty && !outcome.errors.contains(token))
    let used = (world.destination.statistics["recent"]?.array ?? []).compactMap { $0["authorization"]?.string }
    #expect(used.contains { $0.hasPrefix("ApiToken") } || world.destination.statistics["tokenChecks"]?.int ?? 0 > 0)
  }

  @Test("a refused value makes the status 1, and is kept; all others arrive", arguments: World.oneIntegratorStore)
  func refused(python: Bool) throws {
    let world = try World(python: python, values: 800)
    let unit = world.metadata.organisationUnits.last!.uid
    try world.destination.change(metadata: #"{"organisationUnits":[{"id":"\#(unit)","removed":true}]}"#)
    let outcome = world.run(
      """
      scripts/integrator -d -y 2022 -q 1 > out; echo $?; cat state/d2/rejects/*/pair-1/*.ndjson | jq -r .value.orgUnit | sort -u
      grep -c 'refused values are in' out; tail -1 out | cut -d' ' -f3-
      """)
    #expect(outcome.lines == ["1", unit, "1", "not all went well: status 1"], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(python: python) {
      World.isInFirstQuarter($0) && $0["orgUnit"]?.string != unit
    }
    #expect(differences == [])
  }

  @Test(
    "a batch that fails is retried; one that fails each time is reported, not skipped",
    arguments: World.oneIntegratorStore)
  func failing(python: Bool) throws {
    let world = try World(python: python, values: 400)
    try world.fail(destination: #"{"kind":"status","status":503,"times":2,"path":"/api/dataValueSets"}"#)
    let passing = world.run("scripts/integrator -d -y 2022 -m 5 > out; echo $?")
    #expect(passing.lines == ["0"], "\(passing.errors)")
    // A period whose values cannot be read at all.
    try world.fail(
      source: #"{"kind":"status","status":500,"times":0,"path":"/api/dataValueSets","query":"period=202206"}"#)
    let failing = world.run(
      "scripts/integrator -d -y 2022 -m 6 > out 2>&1; echo $?; grep -c 'NOT MOVED' out; grep -c FAILED out",
      ["D2_GIVE_UP_AFTER": "5s"])
    #expect(
      failing.lines.first.map { ["1", "75"].contains($0) } == true,
      "\(failing.output)\(world.shell.file("out").suffix(3000))")
    #expect(
      Int(failing.lines.dropFirst().first ?? "") ?? 0 >= 2,
      "two data sets are monthly: \(world.shell.file("out").suffix(3000))")
    world.source.clearFaults()
    let healed = world.run("scripts/integrator -d -y 2022 -m 6 > out 2>&1; echo $?")
    #expect(healed.lines == ["0"], "\(world.shell.file("out"))")
  }

  @Test(
    "TLS is verified: a source with a certificate of its own making is not believed",
    arguments: World.oneIntegratorStore)
  func tls(python: Bool) throws {
    let world = try World(python: python, values: 200)
    world.shell.write(
      "proxy.py",
      #"""
      import socket, ssl, sys, threading
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain("server.pem")
      listener = socket.create_server(("127.0.0.1", 0))
      open("port", "w").write(str(listener.getsockname()[1]))
      while True:
          plain, _ = listener.accept()
          try: context.wrap_socket(plain, server_side=True).close()
          except OSError: pass
      """#)
    let outcome = world.run(
      """
      openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 2>/dev/null; cat crt key > server.pem
      python3 proxy.py & trap "kill $!" EXIT; await '[ -s port ]'
      d2-pairs upgrade; d2-pairs set 1 --source-url https://localhost:$(cat port) > /dev/null
      scripts/integrator -d -y 2022 -m 5 > out 2>&1; echo $?; grep -ci certificate out
      """)
    #expect(
      outcome.lines.first == "69" && Int(outcome.lines.last ?? "") ?? 0 > 0,
      "\(outcome.output)\(outcome.errors)\(world.shell.file("out"))")
    #expect(world.destination.values.isEmpty)
  }
}
