import D2Common
import Testing

@testable import StandInServer

/// Faults that were found by trying to break the commands, each as it was found.
@Suite("found by review", .serialized)
struct ReviewTests {
  typealias Version = StandInServer.ServerVersion

  @Test("the last value of a key wins also where the two name different data sets", arguments: [1, 4])
  func lastWinsAcrossDataSets(concurrency: Int) throws {
    let two = try TwoServers(values: 300)
    let outcome = two.shell.run(
      """
      set -- ${DS//,/ }
      d2-pull --url $SRC --data-set $1 --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --quiet \\
        | jq -c 'select(.value|test("^[1-9][0-9]*$"))' | head -2 > some
      { sed -n 1p some | jq -c --arg d $2 '.value="1"|.dataSet=$d'; sed -n 1p some | jq -c --arg d $1 '.value="2"|.dataSet=$d'; sed -n 2p some | jq -c --arg d $1 '.value="3"|.dataSet=$d'; } > three
      d2-push --url $DST --batch-size 2 --concurrency \(concurrency) < three > /dev/null; echo $?
      """)
    #expect(outcome.lines == ["0"], "\(outcome.errors)")
    let values = two.destination.values.split(separator: "\n").compactMap {
      (try? JSONValue(parsing: String($0)))?["value"]?.string
    }
    #expect(values.sorted() == ["2", "3"])
  }

  @Test("--limit holds over several requests, also with several at a time", arguments: [1, 4])
  func limit(concurrency: Int) throws {
    let two = try TwoServers()
    let outcome = two.shell.run("\(TwoServers.pullAll) --limit 1500 --concurrency \(concurrency) | wc -l")
    #expect(outcome.lines == ["1500"], "\(outcome.errors)")
  }

  @Test("long lists of data elements are cut into safe addresses, and no value comes twice")
  func manyElements() throws {
    let two = try TwoServers()
    let outcome = two.shell.run(
      """
      elements=$(curl -s -u admin:district "$SRC/api/dataElements?fields=id&paging=false" | jq -r '[.dataElements[].id]|join(",")')
      for e in ${elements//,/ }; do more=$more$e,; for i in 1 2 3 4 5; do n=$((n + 1)); more=$more$(printf 'Aa%09d,' $n); done; done
      d2-pull --url $SRC --data-element $more --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --include-deleted --no-check --quiet > got
      wc -l < got; sort -u got | wc -l
      """)
    #expect(outcome.lines == ["3000", "3000"], "\(outcome.errors)")
    for request in two.source.statistics["recent"]?.array ?? [] {
      #expect((request["target"]?.string ?? "").utf8.count <= 4096)
    }
  }

  @Test("counts at concurrency are true, spooled lines are never mixed")
  func concurrentSpool() throws {
    let two = try TwoServers(values: 12000)
    try two.fail(source: #"{"kind":"short-answer","thousands":1,"path":"/api/dataValueSets","times":2}"#)
    let outcome = two.shell.run(
      "\(TwoServers.pullAll) --spool --concurrency 4 --summary sum > got; echo $?; jq -c . got | sort -u | wc -l; jq -c .values sum"
    )
    #expect(outcome.lines == ["0", "12000", "12000"], "\(outcome.errors)")
  }

  @Test("an unknown attribute option combo is found: its filter would be dropped")
  func unknownCombo() throws {
    let two = try TwoServers()
    let outcome = two.shell.run(
      "\(TwoServers.pullAll) --attribute-option-combo NotThereAoc > out; echo $?; wc -c < out")
    #expect(outcome.lines == ["64", "0"], "\(outcome.errors)")
  }

  @Test("an error that comes as HTTP 200 is an error")
  func errorAsSuccess() throws {
    let two = try TwoServers()
    try two.fail(
      source:
        #"{"kind":"status","status":200,"type":"application/json","body":"{\"httpStatus\":\"Conflict\",\"httpStatusCode\":409,\"status\":\"ERROR\",\"message\":\"boo\",\"errorCode\":\"E2012\"}","path":"/api/dataValueSets","times":0}"#
    )
    let outcome = two.shell.run(TwoServers.pullAll)
    #expect(
      outcome.status == 77 && outcome.errors.contains("E2012") && outcome.errors.contains("boo"), "\(outcome.errors)")
  }

  @Test("impossible counts in a summary end in order", arguments: ["9223372036854775807", "-9223372036854775808"])
  func impossibleCounts(count: String) throws {
    let two = try TwoServers(values: 100)
    try two.fail(
      destination:
        #"{"kind":"status","status":200,"type":"application/json","body":"{\"status\":\"SUCCESS\",\"importCount\":{\"imported\":\#(count),\"updated\":1,\"ignored\":0,\"deleted\":0}}","path":"/api/dataValueSets","times":0}"#
    )
    let outcome = two.shell.run("\(TwoServers.pullAll) --quiet | d2-push --url $DST > /dev/null")
    #expect(outcome.status == 0 && TwoServers.totals(outcome.errors)["read"] == 100, "\(outcome.errors)")
  }

  @Test("strategies that 2.43 does not know are refused before anything is sent", arguments: ["CREATE", "UPDATE"])
  func strategies(strategy: String) throws {
    let two = try TwoServers(.v42, .v43, values: 100)
    let outcome = two.shell.run("\(TwoServers.pullAll) --quiet | d2-push --url $DST --import-strategy \(strategy)")
    #expect(outcome.status == 64 && outcome.errors.contains("DELETE alone"), "\(outcome.errors)")
    #expect(two.destination.values.isEmpty)
  }

  @Test("a file with many values over which the server fails can be sent a second time")
  func manyPoisons() throws {
    let two = try TwoServers(values: 6000)
    try two.fail(destination: #"{"kind":"poison","text":"4711","variant":"recorded","times":0}"#)
    let outcome = two.shell.run(
      """
      set -- ${DS//,/ }
      d2-pull --url $SRC --data-set $1 --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --quiet \\
        | jq -c 'select(.value|test("^[1-9][0-9]*$"))' | head -700 | awk 'NR % 10 == 0 { sub(/"value":"[0-9]*"/, "\\"value\\":\\"4711\\"") } { print }' > some
      d2-push --url $DST --quiet < some > /dev/null; echo $?; d2-push --url $DST --rejects rejects < some > /dev/null; echo $?; wc -l < rejects
      """)
    #expect(outcome.lines == ["1", "1", "70"], "\(outcome.errors)")
  }

  @Test("what is refused is kept also when the reader of stdout goes")
  func rejectsSurviveBrokenPipe() throws {
    let two = try TwoServers()
    let outcome = two.shell.run(
      """
      \(TwoServers.pullAll) --quiet | jq -c '.orgUnit="Nonexisten1"' > bad
      d2-push --url $DST --batch-size 50 --rejects rejects < bad | head -1 > /dev/null; echo ${PIPESTATUS[0]}; ls rejects
      """)
    #expect(outcome.lines == ["141", "rejects"], "\(outcome.errors)")
  }

  @Test("a BOM before the first value is no fault")
  func byteOrderMark() throws {
    let two = try TwoServers(values: 100)
    let outcome = two.shell.run(
      "{ printf '\\xef\\xbb\\xbf'; \(TwoServers.pullAll) --quiet; } | d2-push --url $DST > /dev/null")
    #expect(outcome.status == 0 && two.destinationEqualsSource, "\(outcome.errors)")
  }

  @Test(
    "thousands of closed units on 2.43 cost a request each and no more, and the others arrive",
    .enabled(if: processEnvironment()["D2_RECORDED"] != nil, "D2_RECORDED names no folder of recordings"))
  func closedUnits() throws {
    let folder = processEnvironment()["D2_RECORDED"] ?? ""
    let shell = Shell()
    shell.write(
      "units.jq",
      """
      (.metadata.organisationUnits[] | select(.id == "RecOuFacA03")) as $closed
      | [range(600) | "RecCl" + (100000 + . | tostring)] as $ids
      | .metadata.organisationUnits += [$ids[] as $id | $closed + {id: $id, code: $id, name: $id}]
      | (.metadata.dataSets[] | select(.id == "RecDsMonth1") | .organisationUnits) += [$ids[] | {id: .}]
      """)
    let made = shell.run(
      """
      jq -f units.jq '\(folder)/metadata.json' > metadata
      for i in $(seq 100000 100599); do for d in RecDeInt001; do echo "{\\"dataElement\\":\\"$d\\",\\"period\\":\\"202501\\",\\"orgUnit\\":\\"RecCl$i\\",\\"value\\":\\"1\\"}"; done; done > values
      for m in 01 02 03; do echo "{\\"dataElement\\":\\"RecDeInt001\\",\\"period\\":\\"2024$m\\",\\"orgUnit\\":\\"RecOuFacA01\\",\\"value\\":\\"1\\"}"; done >> values
      """)
    #expect(made.status == 0, "\(made.errors)")
    var options = StandInOptions()
    options.version = .v43
    options.metadata = try JSONValue(parsing: shell.file("metadata"))
    let server = try StandIn(options)
    server.start()
    defer { server.stop() }
    let outcome = shell.run("d2-push --url \(server.url) --data-set RecDsMonth1 --rejects rejects < values > /dev/null")
    let totals = TwoServers.totals(outcome.errors)
    #expect(totals["read"] == 603 && totals["refused"] == 600 && totals["updated"] == 3, "\(outcome.errors)")
    #expect((server.statistics["importSizes"]?.array?.count ?? 0) <= 610)
  }
}
