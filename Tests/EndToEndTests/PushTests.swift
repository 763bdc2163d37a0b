import D2Common
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-push", .waiting)
struct PushTests {
  typealias Version = StandInServer.ServerVersion

  /// The values of a source as a file `values`, each data set tagged.
  private func values(_ world: World) {
    let outcome = world.run("\(World.pullAll) --quiet > values")
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test(
    "sends a file, says what became of every value, and does it once more without a change",
    arguments: [Version.v40, .v42, .v43])
  func file(version: Version) throws {
    let world = try World(.v42, version)
    values(world)
    let outcome = world.run(
      "d2-push --url $DST --summary sum < values > batches; echo $?; jq -s -c '[(map(.values)|add),(map(.imported+.updated+.deleted)|add),(map(.refused)|add)]' batches; jq -c '[.read,.refused,.notSent,.status]' sum"
    )
    #expect(outcome.lines == ["0", "[3000,3000,0]", "[3000,0,0,0]"], "\(outcome.errors)")
    #expect(world.differences() == [])
    #expect(world.destination.statistics["logins"]?.int == 1)
    let again = world.run("d2-push --url $DST < values > /dev/null")
    #expect(again.status == 0)
    let totals = World.totals(again.errors)
    // Deleted again, a value counts as imported up to 2.42.
    #expect(totals["read"] == 3000 && totals["imported", default: 0] < 100)
    #expect(world.differences() == [])
  }

  @Test(
    "every version pair holds the same afterwards: comments, follow-ups, deleted values",
    arguments: [Version.v40, .v42, .v43], [Version("2.36")!, Version("2.38")!, .v40, .v42, .v43])
  func everyPair(from: Version, to: Version) throws {
    let world = try World(from, to, values: 1500)
    let outcome = world.run(
      "\(World.pullAll) --quiet | d2-push --url $DST --rejects rejects > /dev/null; echo ${PIPESTATUS[*]}; cat rejects"
    )
    #expect(outcome.output == "0 0\n", "\(outcome.output.prefix(600))\(outcome.errors)")
    #expect(world.differences() == [])
  }

  /// Values that a server must refuse, each for a reason of its own, among good ones.
  private func spoiled(_ world: World) -> [String] {
    values(world)
    let recipe = """
      {"n": "unknown element", "f": (.dataElement="Nonexisten1")}, {"n": "unknown unit", "f": (.orgUnit="Nonexisten1")},
      {"n": "unknown combo", "f": (.categoryOptionCombo="Nonexisten1")}, {"n": "malformed period", "f": (.period="2022-nonsense")},
      {"n": "month 13", "f": (.period="202213")}, {"n": "malformed element", "f": (.dataElement="abc")},
      {"n": "text for a number", "f": (.value="many")}, {"n": "unknown attribute combo", "f": (.attributeOptionCombo="Nonexisten1")}
      """
    let script = """
      set -- ${DS//,/ }
      jq -c --arg ds $1 'select(.dataSet==$ds and .deleted!=true and (.value|test("^[1-9][0-9]*$")))' values | head -400 > monthly
      jq -c -s '.[0] as $v | $v | [\(recipe)] | .[] | .f' <(sed -n 7p monthly) > bad
      { head -100 monthly; sed -n 1,4p bad; sed -n 101,300p monthly; sed -n '5,$p' bad; sed -n '301,$p' monthly; } > mixed
      wc -l < bad; wc -l < monthly
      """
    let outcome = world.run(script)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.lines
  }

  @Test(
    "refused values are found in every version: just these, with reason and line, and the others arrive",
    arguments: [
      Version("2.36")!, Version("2.37")!, Version("2.38")!, Version("2.39")!, .v40, Version("2.41")!, .v42, .v43,
    ])
  func refusals(version: Version) throws {
    let world = try World(.v42, version)
    #expect(spoiled(world) == ["8", "400"])
    let outcome = world.run(
      """
      d2-push --url $DST --rejects rejects < mixed > batches; echo $?
      jq -c .value rejects | sort > refused; sort bad > expected; cmp refused expected && echo just these
      jq -r .line rejects | sort -n | tr '\\n' ' '; echo
      jq -c 'select((.message|length)==0)' rejects
      """)
    #expect(
      outcome.lines == ["1", "just these", "101 102 103 104 305 306 307 308 "],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("rejects"))")
    let totals = World.totals(outcome.errors)
    #expect(totals["read"] == 408 && totals["refused"] == 8 && totals["not"] == 0)
    #expect(world.destination.values.split(separator: "\n").count == 400)
    let mended = world.run(
      "jq -c .value rejects | jq -c --slurpfile good <(sed -n 7p monthly) '$good[0]' | head -1 | d2-push --url $DST > /dev/null"
    )
    #expect(mended.status == 0, "\(mended.errors)")
  }

  @Test(
    "two values of one key: the last of the input wins, in every version, also with several requests at a time",
    arguments: [Version.v40, .v42, .v43], [1, 4])
  func lastWins(version: Version, concurrency: Int) throws {
    let world = try World(.v42, version)
    values(world)
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      jq -c --arg ds $1 'select(.dataSet==$ds and .deleted!=true and (.value|test("^[1-9][0-9]*$")))' values | head -60 > some
      jq -c -n '[inputs] | ("1", "2", "3") as $i | .[] | .value = $i' some > triple
      sed -n 1p some | jq -c '.value="7"|del(.attributeOptionCombo)' >> triple
      d2-push --url $DST --concurrency \(concurrency) --batch-size 25 < triple > /dev/null; echo $?
      """)
    #expect(outcome.lines == ["0"], "\(outcome.errors)")
    let stored = world.destination.values.split(separator: "\n").compactMap {
      try? JSONValue(parsing: String($0))["value"]?.string
    }
    #expect(stored.count == 60 && stored.filter { $0 == "3" }.count == 59 && stored.contains("7"))
  }

  @Test(
    "a value over which the server fails is isolated, and its neighbours arrive", arguments: [Version.v40, .v42, .v43],
    ["500", "recorded"])
  func poison(version: Version, variant: String) throws {
    let world = try World(.v42, version)
    values(world)
    try world.fail(destination: #"{"kind":"poison","text":"4711","variant":"\#(variant)","times":0}"#)
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      jq -c --arg ds $1 'select(.dataSet==$ds and .deleted!=true and (.value|test("^[1-9][0-9]*$")))' values | head -200 > good
      sed '57s/"value":"[0-9]*"/"value":"4711"/; 58s/"value":"[0-9]*"/"value":"4711"/; 170s/"value":"[0-9]*"/"value":"4711"/' good > poisoned
      d2-push --url $DST --rejects rejects < poisoned > /dev/null; echo $?; jq -r .line rejects | sort -n | tr '\\n' ' '
      """)
    #expect(outcome.output == "1\n57 58 170 ", "\(outcome.errors)")
    #expect(world.destination.values.split(separator: "\n").count == 197)
  }

  @Test(
    "no passing fault loses or doubles a value",
    arguments: [
      #"{"kind":"status","status":429,"headers":{"Retry-After":"1"},"path":"/api/dataValueSets"}"#,
      #"{"kind":"status","status":502,"path":"/api/dataValueSets"}"#,
      #"{"kind":"status","status":503,"path":"/api/dataValueSets","times":2}"#,
      #"{"kind":"status","status":504,"path":"/api/dataValueSets","skip":1}"#,
      #"{"kind":"status","status":500,"path":"/api/dataValueSets","skip":1}"#,
      #"{"kind":"status","status":503,"path":"/api/system/info"}"#,
      #"{"kind":"reset","path":"/api/dataValueSets","skip":1}"#,
      #"{"kind":"lost-answer","path":"/api/dataValueSets"}"#,
      #"{"kind":"partial-import","values":150,"path":"/api/dataValueSets"}"#,
      #"{"kind":"too-large","bytes":40000,"path":"/api/dataValueSets","times":0}"#,
      #"{"kind":"refuse-early","path":"/api/dataValueSets"}"#,
      #"{"kind":"cut-body","after":30,"path":"/api/dataValueSets"}"#,
      #"{"kind":"stall","after":10,"seconds":20,"path":"/api/dataValueSets"}"#,
      #"{"kind":"slow-first-byte","seconds":20,"path":"/api/dataValueSets"}"#,
      #"{"kind":"html-in-middle","after":20,"path":"/api/dataValueSets"}"#,
      #"{"kind":"garbage-chunk","path":"/api/dataValueSets"}"#,
    ], [Version.v42, .v43])
  func passingFaults(fault: String, version: Version) throws {
    let world = try World(.v42, version, values: 1200)
    values(world)
    try world.fail(destination: fault)
    // Four requests: there is a second one, to which a fault may happen.
    for concurrency in [1, 3] {
      let outcome = world.run(
        """
        d2-push --url $DST --batch-size 300 --compression none --concurrency \(concurrency) --idle-timeout 1 \
          --first-byte-timeout 2 --rejects rejects < values > /dev/null
        say status $?; say rejects $(wc -l < rejects)
        """)
      #expect(outcome.output == "status=0\nrejects=0\n", "\(outcome.errors)")
      #expect(world.destination.faultsHaveHappened)
      let totals = World.totals(outcome.errors)
      #expect(totals["read"] == 1200)
      #expect(World.taken(totals) + (totals["ignored"] ?? 0) == 1200)
      #expect(world.differences() == [])
    }
  }

  @Test(
    "when the destination gives up, the rejects hold what it did not accept: nothing is missing",
    arguments: [
      (#"{"kind":"status","status":503,"path":"/api/dataValueSets","skip":2,"times":0}"#, 75),
      (#"{"kind":"reset","path":"/api/dataValueSets","skip":2,"times":0}"#, 75),
      (#"{"kind":"status","status":401,"body":"{}","path":"/api/dataValueSets","skip":2,"times":0}"#, 77),
      (#"{"kind":"login-page","path":"/api/dataValueSets","skip":2,"times":0}"#, 77),
      (#"{"kind":"status","status":500,"path":"/api/dataValueSets","skip":2,"times":0}"#, 75),
    ])
  func givesUp(fault: String, status: Int32) throws {
    let world = try World()
    values(world)
    try world.fail(destination: fault)
    let outcome = world.run(
      "d2-push --url $DST --batch-size 500 --retries 1 --rejects rejects < values > /dev/null")
    #expect(outcome.status == status, "\(outcome.errors)")
    let totals = World.totals(outcome.errors)
    #expect(totals["read"] == 3000 && 3000 - World.taken(totals) > 1000)
    world.destination.clearFaults()
    let again = world.run("jq -c .value rejects | d2-push --url $DST > /dev/null")
    #expect(again.status == 0, "\(again.errors)")
    #expect(world.differences() == [])
  }

  @Test(
    "failures that stay have their status and one clear line",
    arguments: [
      (#"{"kind":"status","status":200,"body":"<html><body>Welcome</body></html>","path":"/api","times":0}"#, 76),
      (#"{"kind":"status","status":404,"path":"/api","times":0}"#, 76),
      (#"{"kind":"login-page","path":"/api","times":0}"#, 77),
      (#"{"kind":"redirect","path":"/api","times":0}"#, 77),
      (#"{"kind":"redirect","location":"https://else.example/","path":"/api","times":0}"#, 69),
      (
        #"{"kind":"status","status":403,"body":"{\"message\":\"Access is denied\"}","type":"application/json","path":"/api/dataValueSets","times":0}"#,
        77
      ),
    ])
  func lasting(fault: String, status: Int32) throws {
    let world = try World()
    values(world)
    try world.fail(destination: fault)
    let outcome = world.run("d2-push --url $DST --retries 0 < values > /dev/null")
    #expect(outcome.status == status, "\(outcome.errors)")
    #expect(outcome.errors.contains(world.destination.url))
    #expect(world.destination.values.isEmpty)
  }

  @Test("a malformed line is an error that names it; with --rejects it goes there and the rest goes on")
  func malformed() throws {
    let world = try World()
    values(world)
    let make = """
      sed -n 1,10p values > bad; echo '{"dataElement":"x"' >> bad; sed -n 11,20p values >> bad; echo '[1]' >> bad
      echo '{"dataElement":"a","period":"2022","value":"1"}' >> bad; printf '{"a":"\\xff"}\\n' >> bad; echo '{"orgUnit":null,"dataElement":"a","period":"2022"}' >> bad
      sed -n 21,30p values >> bad
      """
    let strict = world.run("\(make); d2-push --url $DST < bad > /dev/null")
    #expect(strict.status == 65 && strict.errors.contains("line 11: "), "\(strict.errors)")
    #expect(world.destination.values.split(separator: "\n").count == 10)
    let kept = world.run(
      "d2-push --url $DST --rejects rejects < bad > /dev/null; echo $?; jq -r .line rejects | tr '\\n' ' '; jq -c 'has(\"value\")' rejects | sort -u"
    )
    #expect(kept.output == "1\n11 22 23 24 25 false\n", "\(kept.output)\(kept.errors)")
    #expect(World.totals(kept.errors)["read"] == 35)
    #expect(world.destination.values.split(separator: "\n").count == 30)
  }

  @Test(
    "blank lines, CRLF, no line end at the end, white space and any key order are taken; the bytes are posted as they came"
  )
  func shapes() throws {
    let world = try World()
    values(world)
    let outcome = world.run(
      """
      { printf '\\n  \\n'; sed -n 1p values | sed 's/$/\\r/'; sed -n 2p values | jq -S -c .; sed -n 3p values | jq . | tr -d '\\n'; printf '\\n'; sed -n 4p values | tr -d '\\n'; } > odd
      d2-push --url $DST < odd
      """)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(world.destination.values.split(separator: "\n").count == 4)
  }

  @Test("numbers and booleans are quoted for a server that would fail over them", arguments: [Version.v42, .v43])
  func numbers(version: Version) throws {
    let world = try World(.v42, version)
    values(world)
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      jq -c --arg ds $1 'select(.dataSet==$ds and .deleted!=true and (.value|test("^[1-9][0-9]*$")))' values | head -20 | jq -c '.value=(.value|tonumber)|.period=(.period|tonumber)' > numbers
      d2-push --url $DST < numbers > /dev/null
      """)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(world.destination.values.split(separator: "\n").count == 20)
  }

  @Test("untagged values of elements in several data sets reach a 2.43 server, which wants the set named")
  func untagged() throws {
    let world = try World(.v42, .v43)
    values(world)
    let outcome = world.run(
      "jq -c 'del(.dataSet)' values | d2-push --url $DST --rejects rejects > /dev/null; echo $?; head -c 500 rejects")
    #expect(outcome.output == "0\n", "\(outcome.output)\(outcome.errors)")
    #expect(world.differences() == [])
  }

  @Test(
    "what goes with each request: preheatCache up to 2.42, the session cookie, gzip", arguments: [Version.v42, .v43])
  func requests(version: Version) throws {
    let world = try World(.v42, version)
    values(world)
    #expect(world.run("d2-push --url $DST --skip-audit < values > /dev/null").status == 0)
    let posts = (world.destination.statistics["recent"]?.array ?? []).filter { $0["method"]?.string == "POST" }
    #expect(!posts.isEmpty)
    for post in posts {
      let target = post["target"]?.string ?? ""
      #expect(target.contains("preheatCache=true") == (version.minor < 43))
      #expect(target.contains("skipAudit=true"))
      #expect(post["cookie"]?.bool == true && post["contentType"]?.string == "application/json")
    }
    let bytes = posts.reduce(0) { $0 + ($1["bodyBytes"]?.int ?? 0) }
    #expect(bytes * 4 < world.shell.file("values").utf8.count)
  }

  @Test("--dry-run stores nothing; --async follows the job; DELETE deletes", arguments: [Version.v40, .v42, .v43])
  func otherWays(version: Version) throws {
    let world = try World(.v42, version, values: 1200)
    values(world)
    let dry = world.run("d2-push --url $DST --dry-run < values > /dev/null")
    #expect(dry.status == 0 && world.destination.values.isEmpty, "\(dry.errors)")
    let job = world.run("d2-push --url $DST --async < values > /dev/null")
    #expect(job.status == 0, "\(job.errors)")
    #expect(world.differences() == [])
    let delete = world.run(
      "jq -c 'select(.deleted != true)' values | d2-push --url $DST --import-strategy DELETE --yes > /dev/null")
    #expect(delete.status == 0, "\(delete.errors)")
    #expect(world.destination.values.split(separator: "\n").allSatisfy { $0.contains("\"deleted\":true") })
  }

  @Test("too many refusals end the run where --max-rejects says so")
  func maxRejects() throws {
    let world = try World()
    values(world)
    let outcome = world.run(
      "jq -c '.orgUnit=\"Nonexisten1\"' values | d2-push --url $DST --batch-size 100 --max-rejects 250 --rejects rejects > /dev/null"
    )
    #expect(outcome.status == 1 && outcome.errors.contains("--max-rejects"), "\(outcome.errors)")
    let totals = World.totals(outcome.errors)
    #expect(totals["read"] == 3000 && totals["refused", default: 0] < 600)
    #expect(totals["not", default: 0] > 2000)
  }

  @Test("rejects that cannot be written are status 73, and so is stdout")
  func outputFaults() throws {
    let world = try World()
    values(world)
    let folder = world.run("d2-push --url $DST --rejects /nonexistent/rejects < values")
    #expect(folder.status == 73 && world.destination.values.isEmpty, "\(folder.errors)")
    let full = world.run(
      "jq -c '.orgUnit=\"Nonexisten1\"' values | d2-push --url $DST --rejects /dev/full > /dev/null")
    #expect(full.status == 73, "\(full.errors)")
    let stdout = world.run("d2-push --url $DST < values > /dev/full")
    #expect(stdout.status == 73, "\(stdout.errors)")
  }

  @Test("a signal ends it in good order: status 143, and the totals say what is not sent")
  func signal() throws {
    let world = try World()
    values(world)
    try world.fail(destination: #"{"kind":"stall","seconds":60,"path":"/api/dataValueSets","skip":1}"#)
    let outcome = world.run(
      """
      d2-push --url $DST --batch-size 500 < values > out & push=$!
      await 'happened $DST'; kill -TERM $push; wait $push; say status $?
      """)
    #expect(outcome.output == "status=143\n", "\(outcome.errors)")
    let totals = World.totals(outcome.errors)
    #expect((totals["not"] ?? 0) >= 500 && World.taken(totals) >= 450, "\(outcome.errors)")
  }

  @Test("registrations travel too", arguments: [Version.v40, .v42, .v43])
  func registrations(version: Version) throws {
    let world = try World(version, version, values: 100)
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      curl -s -u admin:district "$SRC/api/organisationUnits?fields=id&filter=level:eq:5&paging=false&filter=dataSets.id:eq:$1" | jq -r '.organisationUnits[].id' > all
      [ -s all ] || curl -s -u admin:district "$SRC/api/dataSets/$1?fields=organisationUnits%5Bid%5D" | jq -r '.organisationUnits[].id' > all
      head -5 all | jq -R -c --arg ds $1 '{dataSet:$ds,period:"202203",organisationUnit:.,completed:true}' > made
      d2-push --url $SRC --registrations < made > /dev/null; echo $?
      d2-pull --url $SRC --registrations --data-set $1 --org-unit $ROOT --children --period 202203 --quiet > pulled; wc -l < pulled
      { cat pulled; sed -n 1p pulled | jq -c '.organisationUnit="Nonexisten1"'; } | d2-push --url $DST --registrations --rejects rejects > /dev/null; echo $?
      d2-pull --url $DST --registrations --data-set $1 --org-unit $ROOT --children --period 202203 --quiet | wc -l; jq -r .value.organisationUnit rejects
      """)
    #expect(outcome.lines == ["0", "5", "1", "5", "Nonexisten1"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("no command advises an option that it does not have, or that it was given")
  func advice() throws {
    let world = try World(values: 100)
    values(world)
    let damaged =
      #"{"kind":"status","status":200,"type":"application/json","body":"{\"dataValues\":[}]}","times":0,"path":"/api/dataValueSets"}"#
    try world.fail(destination: damaged)
    try world.fail(source: damaged)
    let push = world.run("d2-push --url $DST --retries 0 < values")
    #expect(push.status == 75 && push.errors.contains("(run the command again)"), "\(push.errors)")
    let pull = "d2-pull --url $SRC --data-set $DS --org-unit $ROOT --period 202203 --no-check --retries 0"
    let without = world.run(pull)
    let with = world.run("\(pull) --spool")
    #expect(without.errors.contains("--spool") && !with.errors.contains("--spool"), "\(without.errors)\(with.errors)")
  }
}
