import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-pull", .waiting)
struct PullTests {
  @Test("writes each value as the server wrote it", arguments: [StandInServer.ServerVersion.v40, .v42, .v43])
  func verbatim(version: StandInServer.ServerVersion) throws {
    let world = try World(version)
    let range = "startDate=2022-01-01&endDate=2022-12-31&orgUnit=$ROOT&children=true"
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      curl -s -u admin:district "$SRC/api/dataValueSets?dataSet=$1&\(range)" | jq -c '.dataValues[]' > expected
      d2-pull --url $SRC --data-set $1 --org-unit $ROOT --children --start-date 2022-01-01 --end-date 2022-12-31 > raw
      jq -c . raw > got
      cmp expected got && wc -l < got
      curl -s -u admin:district "$SRC/api/dataValueSets?dataSet=$1&\(range)" | tr -d '\\n' > whole
      while IFS= read -r line; do grep -qF -- "$line" whole || echo "not verbatim: $line"; done < <(head -50 raw)
      """)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect((Int(outcome.output.split(separator: "\n").first ?? "") ?? 0) > 300)
    #expect(!outcome.output.contains("not verbatim"))
    #expect(outcome.errors.contains("values, "))
  }

  @Test("gives hoisted keys back: every line of a 2.43 server stands alone")
  func hoisted() throws {
    let world = try World(.v43)
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      d2-pull --url $SRC --data-set $1,$2,$3 --org-unit $ROOT --children --period 202203 --quiet > month
      ou=$(jq -r .orgUnit month | sort | uniq -c | sort -rn | head -1 | awk '{print $2}')
      d2-pull --url $SRC --data-set $1,$2,$3 --org-unit $ou --period 202203 --quiet > unit
      jq -c 'select(.period != "202203" or .orgUnit == null or .attributeOptionCombo == null or .dataSet == null)' month unit
      """)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output == "", "values that lack something")
    #expect(world.shell.lines(of: "unit") > 0)
  }

  @Test("the first line is out while the server still holds the rest back")
  func firstLineEarly() throws {
    let world = try World()
    try world.fail(source: #"{"kind":"stall","after":3000,"seconds":120,"path":"/api/dataValueSets"}"#)
    let start = monotonicSeconds()
    let outcome = world.run("\(World.pullAll) --compression none | head -1 > first; say status ${PIPESTATUS[0]}")
    #expect(monotonicSeconds() - start < 60)
    #expect(world.shell.lines(of: "first") == 1)
    #expect(outcome.output == "status=141\n")
    #expect(outcome.errors == "")
  }

  @Test("dies of SIGPIPE without a word when its reader goes, and the server sees the connection close")
  func brokenPipe() throws {
    let world = try World()
    try world.fail(source: #"{"kind":"endless","path":"/api/dataValueSets"}"#)
    let start = monotonicSeconds()
    let outcome = world.run("\(World.pullAll) | head -1 >/dev/null; echo ${PIPESTATUS[0]}")
    #expect(monotonicSeconds() - start < 60)
    #expect(outcome.output == "141\n" && outcome.errors == "")
    // The server notices a closed connection at its next write.
    #expect(eventually { (world.source.statistics["closedUnfinished"]?.int ?? 0) >= 1 })
  }

  @Test(
    "a cut answer is never taken for a whole one: the whole values that arrived, status 75",
    arguments: stride(from: 1, through: 2600, by: 97).map { $0 })
  func cut(after: Int) throws {
    let world = try World(values: 300)
    try world.fail(source: #"{"kind":"cut-body","after":\#(after),"path":"/api/dataValueSets","times":0}"#)
    let outcome = world.run(
      "\(World.pullAll) --compression none --retries 0 > out; say status $?; say whole $(jq -c . out | wc -l)")
    #expect(outcome["status"] == "75", "\(outcome.errors)")
    #expect(outcome["whole"] == "\(world.shell.lines(of: "out"))", "a broken line")
    #expect(outcome.errors.contains("/api/dataValueSets: "))
  }

  @Test(
    "with --spool a broken answer is fetched again, and no value comes twice",
    arguments: [
      #"{"kind":"cut-body","after":5000,"path":"/api/dataValueSets","times":2}"#,
      #"{"kind":"html-in-middle","after":4000,"path":"/api/dataValueSets"}"#,
      #"{"kind":"reset","after":4000,"path":"/api/dataValueSets"}"#,
      #"{"kind":"garbage-chunk","after":4000,"path":"/api/dataValueSets"}"#,
      #"{"kind":"short-answer","thousands":1,"path":"/api/dataValueSets"}"#,
      #"{"kind":"short-answer","thousands":0,"path":"/api/dataValueSets"}"#,
    ])
  func spool(fault: String) throws {
    let world = try World(values: 12000)
    try world.fail(source: fault)
    let outcome = world.run(
      "\(World.pullAll) --spool | sort > got; echo ${PIPESTATUS[0]}; sort -u got | wc -l; wc -l < got")
    #expect(outcome.lines == ["0", "12000", "12000"], "\(outcome.errors)")
  }

  @Test("a cut gzip file is a cut answer")
  func gzipCut() throws {
    let world = try World()
    try world.fail(source: #"{"kind":"gzip-truncated","after":2000,"path":"/api/dataValueSets","times":0}"#)
    let outcome = world.run("\(World.pullAll) --retries 0 | jq -c . | wc -l; echo ${PIPESTATUS[0]}")
    #expect(outcome.lines.last == "75", "\(outcome.errors)")
  }

  @Test("a short answer that looks whole is found out: without --spool status 75 and the two counts")
  func shortAnswer() throws {
    let world = try World(values: 30000)
    try world.fail(source: #"{"kind":"short-answer","thousands":2,"path":"/api/dataValueSets"}"#)
    let outcome = world.run("\(World.pullAll) > out; echo $?")
    #expect(outcome.lines == ["75"], "\(outcome.errors)")
    #expect(outcome.errors.contains("2000 values") && outcome.errors.contains("another number"))
  }

  @Test("--explain writes the requests that are made without it, and makes none")
  func explained() throws {
    let world = try World(values: 300)
    let explained = world.run("\(World.pullAll) --explain | jq -r .url")
    func asked() -> [String] {
      (world.source.statistics["recent"]?.array ?? []).compactMap { $0["target"]?.string }
        .filter { $0.hasPrefix("/api/dataValueSets") }.map { world.source.url + $0 }
    }
    #expect(explained.status == 0, "\(explained.errors)")
    #expect(asked() == [])
    #expect(explained.errors.contains("6 requests, none of which was made"))
    #expect(world.run("\(World.pullAll) > values").status == 0)
    #expect(asked() == explained.lines)
    #expect(Set(explained.lines).count == 6)
  }

  @Test("a query that fails at the same place each time is never believed", arguments: ["", "--spool --retries 2"])
  func shortEachTime(options: String) throws {
    let world = try World(values: 30000)
    try world.fail(source: #"{"kind":"short-answer","thousands":1,"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      "\(World.pullAll) \(options) > out; echo $?; \(World.pullAll) --no-check > out; echo $?")
    #expect(outcome.lines == ["75", "0"], "\(outcome.errors)")
    #expect(outcome.errors.contains("has both marks of a failed query"), "\(outcome.errors)")
  }

  @Test("a true answer with a multiple of 1,000 values costs one more request, --no-check none")
  func trueThousands() throws {
    let world = try World(values: 1200)
    let outcome = world.run("\(World.pullAll) --quiet | head -1000 > thousand; wc -l < thousand")
    #expect(outcome.lines == ["1000"], "\(outcome.errors)")
    let exact = try World(values: 0)
    try exact.source.load(values: world.shell.file("thousand"))
    // One data set, so that one answer contains them all.
    let pull = exact.shell.run(
      """
      elements=$(curl -s -u admin:district "$SRC/api/dataElements?fields=id&paging=false" | jq -r '[.dataElements[].id]|join(",")')
      all="d2-pull --url $SRC --data-element $elements --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --include-deleted"
      $all --summary one | wc -l; $all --no-check --summary two | wc -l; jq -c '[.values,.requests]' one two
      """)
    #expect(pull.lines == ["1000", "1000", "[1000,2]", "[1000,1]"], "\(pull.errors)")
  }

  @Test(
    "failures that pass are retried: 429 with Retry-After, 502 HTML, 503, 504, 408, resets, slow first bytes",
    arguments: [
      #"{"kind":"status","status":429,"headers":{"Retry-After":"1"},"path":"/api/dataValueSets"}"#,
      #"{"kind":"status","status":502,"path":"/api/dataValueSets","times":2}"#,
      #"{"kind":"status","status":503,"path":"/api/dataSets"}"#,
      #"{"kind":"status","status":504,"path":"/api/dataValueSets"}"#,
      #"{"kind":"status","status":408,"path":"/api/dataValueSets"}"#,
      #"{"kind":"reset","path":"/api/dataValueSets"}"#,
      #"{"kind":"slow-first-byte","seconds":1,"path":"/api/dataValueSets"}"#,
      #"{"kind":"latency","seconds":1,"path":"/api"}"#,
      #"{"kind":"cut-body","after":0,"path":"/api/dataValueSets"}"#,
    ])
  func retried(fault: String) throws {
    let world = try World()
    try world.fail(source: fault)
    let outcome = world.run("\(World.pullAll) | wc -l; echo ${PIPESTATUS[0]}")
    #expect(outcome.lines == ["3000", "0"], "\(outcome.errors)")
  }

  @Test(
    "failures that stay end with the right status and one line that names server and path",
    arguments: [
      (#"{"kind":"status","status":503,"path":"/api/dataValueSets","times":0}"#, 75, "HTTP 503"),
      (#"{"kind":"status","status":500,"path":"/api/dataValueSets","times":0}"#, 75, "HTTP 500"),
      (#"{"kind":"status","status":403,"body":"{}","path":"/api/dataValueSets","times":0}"#, 77, "HTTP 403"),
      (#"{"kind":"login-page","path":"/api/dataValueSets","times":0}"#, 77, "login page"),
      (#"{"kind":"redirect","path":"/api/dataValueSets","times":0}"#, 77, "login page"),
      (
        #"{"kind":"status","status":200,"type":"application/json","body":"{\"status\":\"UP\",\"n\":[1]}","path":"/api/dataValueSets","times":0}"#,
        76, #"the answer is JSON without dataValues, but with "status", "n""#
      ),
      (
        #"{"kind":"status","status":200,"type":"application/json","body":"{\"dataSet\":\"a\",\"period\":\"2022\",\"error\":\"late\"}","path":"/api/dataValueSets","times":0}"#,
        76, #"the answer is JSON without dataValues, but with "error""#
      ),
      (
        #"{"kind":"status","status":200,"type":"application/json","body":"{\"dataValues\":[],\"httpStatusCode\":500,\"message\":\"query timed out\"}","path":"/api/dataValueSets","times":0}"#,
        75, "query timed out"
      ),
      (
        #"{"kind":"status","status":200,"type":"application/json","body":"{\"dataValues\":{\"a\":[]}}","path":"/api/dataValueSets","times":0}"#,
        75, "the values are not an array at byte 14"
      ),
      (
        #"{"kind":"redirect","location":"https://else.example/api/x","path":"/api/dataValueSets","times":0}"#, 69,
        "https://else.example"
      ),
      (
        #"{"kind":"status","status":200,"body":"<html>hello</html>","path":"/api/dataValueSets","times":0}"#, 76, "HTML"
      ),
      (#"{"kind":"status","status":404,"path":"/api","times":0}"#, 76, "404"),
      (#"{"kind":"stall","seconds":20,"path":"/api/dataValueSets","times":0}"#, 75, "nothing came"),
      (#"{"kind":"slow-first-byte","seconds":20,"path":"/api/dataValueSets","times":0}"#, 75, "no answer within"),
    ])
  func lasting(fault: String, status: Int32, text: String) throws {
    let world = try World()
    try world.fail(source: fault)
    // Only for those that wait: a busy machine would end others too.
    let patience = fault.contains(#""seconds":20"#) ? "--idle-timeout 1 --first-byte-timeout 2" : ""
    let outcome = world.run("\(World.pullAll) --retries 1 \(patience) > out")
    #expect(outcome.status == status, "\(outcome.errors)")
    #expect(outcome.errors.contains(text) && outcome.errors.contains(world.source.url), "\(outcome.errors)")
  }

  @Test("401 is refused at once and never retried")
  func unauthorized() throws {
    let world = try World()
    let outcome = world.run(World.pullAll, ["D2_PASSWORD": "wrong"])
    #expect(outcome.status == 77)
    #expect(outcome.errors.contains("401") && !outcome.errors.contains("wrong"))
    #expect(world.source.statistics["recent"]?.array?.count == 1)
  }

  @Test("nothing listens, no such host: 69")
  func unreachable() throws {
    let world = try World(values: 0)
    for url in ["http://127.0.0.1:9", "http://no-such-host.invalid"] {
      let outcome = world.run(
        "d2-pull --url \(url) --data-set BfMAe6Itzgt --org-unit ImspTQPwCqd --period 2022 --retries 0")
      #expect(outcome.status == 69, "\(outcome.errors)")
      #expect(outcome.errors.contains(url))
    }
  }

  @Test("ids that the server would leave out in silence are found: status 1, or 64 when none is left")
  func unknownIDs() throws {
    let world = try World()
    let some = world.run(
      "\(World.pullAll) --data-element-group '' | wc -l; d2-pull --url $SRC --data-set $DS,Nonexisten1 --org-unit $ROOT,Nonexisten2 --children --period 202203,2022nonsense-- | wc -l; echo ${PIPESTATUS[0]}"
    )
    #expect(some.lines.last == "1", "\(some.errors)")
    #expect(
      some.errors.contains("Nonexisten1") && some.errors.contains("Nonexisten2")
        && some.errors.contains("2022nonsense--"))
    let none = world.run("d2-pull --url $SRC --data-set Nonexisten1 --org-unit $ROOT --period 202203")
    #expect(none.status == 64, "\(none.errors)")
  }

  @Test(
    "what cannot be asked is a usage error with a hint",
    arguments: [
      ("", "--url"), ("--url ftp://x", "https or http"), ("--url https://u:p@x", "take them out"),
      ("--url https://x", "--data-set"),
      ("--url https://x --data-set a", "--org-unit"), ("--url https://x --data-set a --org-unit b", "--period"),
      ("--url https://x --dataset a", "did you mean --data-set"), ("--url https://x --data-set", "needs a value"),
      ("--url https://x --data-set a --org-unit b --start-date 2022-02-30 --end-date 2022-03-01", "a date"),
      (
        "--url https://x --data-set a --org-unit b --period 2022 --start-date 2022-01-01 --end-date 2022-03-01", "E2003"
      ),
      ("--url https://x --data-set a --org-unit-group b --children --period 2022", "E2007"),
      ("--url https://x --data-set a --data-element-group g --org-unit b --period 2022", "goes alone"),
      ("--url https://x --data-set a --org-unit b --period 2022 --concurrency 0", "1 to 64"),
      ("--url https://x --data-set a --org-unit b --period 2022 extra", "unexpected argument"),
      ("--url https://x --data-set a --org-unit b --period 2022 --username me", "--password-file"),
    ])
  func usage(options: String, text: String) {
    let outcome = Shell().run("d2-pull \(options)")
    // Without D2_PASSWORD in the way of the last one.
    let clean = Shell(["D2_PASSWORD": "x"]).run("unset D2_USERNAME D2_PASSWORD; d2-pull \(options)")
    #expect(clean.status == 64, "\(clean.errors)")
    #expect(clean.errors.contains(text), "\(clean.errors)")
    #expect(clean.output == "" && outcome.output == "")
  }

  @Test("is polite: one log-in, the cookie sent back, the headers that DHIS2 wants", arguments: [1, 4])
  func manners(concurrency: Int) throws {
    let world = try World()
    let outcome = world.run("\(World.pullAll) --concurrency \(concurrency) | jq -c . | wc -l")
    #expect(outcome.lines == ["3000"], "\(outcome.errors)")
    let statistics = world.source.statistics
    #expect(statistics["logins"]?.int == 1)
    #expect((statistics["maxConcurrentRequests"]?.int ?? 99) <= concurrency)
    for request in statistics["recent"]?.array ?? [] {
      #expect(request["xRequestedWith"]?.string == "XMLHttpRequest")
      #expect(request["userAgent"]?.string?.hasPrefix("d2/") == true)
      #expect(request["acceptEncoding"]?.string?.contains("gzip") == true)
    }
    let cookies = (statistics["recent"]?.array ?? []).filter { $0["cookie"]?.bool == true }.count
    #expect(cookies == (statistics["recent"]?.array?.count ?? 0) - 1)
  }

  @Test("a token signs in, from the environment and from a file; no secret is on any command line")
  func token() throws {
    let token = "d2pat_YOJKxAtxVEfse1FvP8owUvMxMcjWf50Z2712875247"
    let world = try World(.v40, values: 300) { $0.superuserTokens = [token] }
    try world.fail(source: #"{"kind":"latency","seconds":1,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      """
      unset D2_USERNAME D2_PASSWORD
      D2_PAT=\(token) \(World.pullAll) --verbose > out & await 'happened $SRC'; tr '\\0' ' ' < /proc/$!/cmdline > args; wait $!; echo $?
      printf '%s\\n' '\(token)' > pat; \(World.pullAll) --pat-file pat --quiet | wc -l; cat args
      """)
    #expect(outcome.lines.prefix(2) == ["0", "300"], "\(outcome.errors)")
    #expect(!outcome.errors.contains(token) && !(outcome.lines.last ?? "").contains(token))
  }

  @Test(
    "a token of another server is refused credentials, and the line says so",
    arguments: [StandInServer.ServerVersion.v40, .v42, .v43])
  func foreignToken(version: StandInServer.ServerVersion) throws {
    let world = try World(version, version, values: 10)
    let outcome = world.run(
      """
      unset D2_USERNAME D2_PASSWORD
      for token in nonsense d2pat_5xVA12xyUbWNedQxy4ohH77WlxRGVvZZ1151814092 d2p_kMkHDtjtXheeQNALzAMs66Qdenx3RvxDxIFuFxUUl9wq3wwL4O; do
        export D2_PAT=$token; \(World.pullAll); echo $?; \(World.pullAll) --no-check; echo $?
        echo '{"dataElement":"a","period":"202201","orgUnit":"b","value":"1"}' | d2-push --url $DST > /dev/null; echo $?
      done
      """)
    #expect(outcome.lines == Array(repeating: "77", count: 9), "\(outcome.output)\(outcome.errors)")
    let lines = outcome.errors.split(separator: "\n").filter { $0.contains("token is not one of this server's") }
    #expect(lines.count == 9 && !outcome.errors.contains("5xVA12xyUb"), "\(outcome.errors)")
  }

  @Test("--summary writes what was done as one object, also when it failed")
  func summary() throws {
    let world = try World()
    let outcome = world.run(
      "\(World.pullAll) --summary sum > out; jq -c '[.values,.retries,.status]' sum; jq -e '.wireBytes < .bytes and .requests > 5' sum"
    )
    #expect(outcome.lines == ["[3000,0,0]", "true"], "\(outcome.errors)")
    try world.fail(source: #"{"kind":"status","status":503,"path":"/api/dataValueSets","times":0}"#)
    let failed = world.run("\(World.pullAll) --retries 0 --summary sum; jq -c '.status' sum")
    #expect(failed.lines == ["75"], "\(failed.errors)")
  }

  @Test("long lists of units and periods are cut into requests whose addresses are safe")
  func longLists() throws {
    let world = try World(values: 1000)
    let outcome = world.run(
      """
      units=$(curl -s -u admin:district "$SRC/api/organisationUnits?fields=id&paging=false" | jq -r '[.organisationUnits[].id]|join(",")')
      periods=$(for y in 2019 2020 2021 2022 2023; do for m in 01 02 03 04 05 06 07 08 09 10 11 12; do printf '%s%s,' $y $m; done; done)
      set -- ${DS//,/ }
      for i in 1 2 3 4 5 6 7 8; do weeks=$weeks$(for y in 201$i; do for w in $(seq 1 52); do printf '%sW%s,' $y $w; done; done); done
      d2-pull --url $SRC --data-set $DS --org-unit $units --period $periods$weeks --quiet | sort > many
      d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --start-date 2019-01-01 --end-date 2023-12-31 --quiet | jq -c 'select(.period|test("^[0-9]{6}$"))' | sort > one
      jq -c . many | sort > many.c; jq -c . one | sort > one.c; cmp many.c one.c && wc -l < many.c
      """)
    #expect((Int(outcome.lines.last ?? "") ?? 0) > 100, "\(outcome.output)\(outcome.errors)")
    for request in world.source.statistics["recent"]?.array ?? [] {
      #expect((request["target"]?.string ?? "").utf8.count <= 4096)
    }
  }

  @Test("--last-updated alone carries dates, as 2.43 demands; --limit counts over all requests")
  func incrementAndLimit() throws {
    let world = try World(.v43, values: 2000)
    let outcome = world.run(
      """
      d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --last-updated 2020-01-01 --include-deleted --quiet | wc -l
      d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --limit 17 --quiet | wc -l
      """)
    #expect(outcome.lines == ["2000", "17"], "\(outcome.errors)")
  }

  @Test("a full disk is status 73, a signal 143: with what was written whole")
  func outputFaults() throws {
    let world = try World()
    let full = world.run("\(World.pullAll) > /dev/full")
    #expect(full.status == 73, "\(full.errors)")
    #expect(full.errors.contains("No space left"))
    try world.fail(source: #"{"kind":"stall","after":3000,"seconds":60,"path":"/api/dataValueSets"}"#)
    let signal = world.run(
      "\(World.pullAll) --compression none > out & await '[ -s out ]'; kill -TERM $!; wait $!; say status $?; say whole $(jq -c . out | wc -l)"
    )
    #expect(signal["status"] == "143", "\(signal.errors)")
    #expect(signal["whole"] == "\(world.shell.lines(of: "out"))", "a broken line")
  }

  @Test("--help and --version")
  func help() {
    let outcome = Shell().run("d2-pull --help; d2-pull --version")
    #expect(
      outcome.status == 0 && outcome.output.contains("Exit status:")
        && outcome.output.hasSuffix("d2-pull \(D2.version)\n"))
  }
}
