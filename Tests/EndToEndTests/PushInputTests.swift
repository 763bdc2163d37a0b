import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// d2-push with unusual input and answers.
@Suite("d2-push: odd input and odd answers", .waiting)
struct PushInputTests {
  @Test("the last value of a key wins also where the two name different data sets", arguments: [1, 4])
  func lastWinsAcrossDataSets(concurrency: Int) throws {
    let world = try World(values: 300)
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      d2-pull --url $SRC --data-set $1 --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --quiet \\
        | jq -c 'select(.value|test("^[1-9][0-9]*$"))' | head -2 > some
      { sed -n 1p some | jq -c --arg d $2 '.value="1"|.dataSet=$d'; sed -n 1p some | jq -c --arg d $1 '.value="2"|.dataSet=$d'; sed -n 2p some | jq -c --arg d $1 '.value="3"|.dataSet=$d'; } > three
      d2-push --url $DST --batch-size 2 --concurrency \(concurrency) < three > /dev/null; echo $?
      """)
    #expect(outcome.lines == ["0"], "\(outcome.errors)")
    let values = world.destination.values.split(separator: "\n").compactMap {
      (try? JSONValue(parsing: String($0)))?["value"]?.string
    }
    #expect(values.sorted() == ["2", "3"])
  }

  @Test("a BOM before the first value does no harm")
  func byteOrderMark() throws {
    let world = try World(values: 100)
    let outcome = world.run(
      "{ printf '\\xef\\xbb\\xbf'; \(World.pullAll) --quiet; } | d2-push --url $DST > /dev/null")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(world.differences() == [])
  }

  @Test("strategies that 2.43 does not know are refused before anything is sent", arguments: ["CREATE", "UPDATE"])
  func strategies(strategy: String) throws {
    let world = try World(.v42, .v43, values: 100)
    let outcome = world.run("\(World.pullAll) --quiet | d2-push --url $DST --import-strategy \(strategy)")
    #expect(outcome.status == 64 && outcome.errors.contains("is DELETE"), "\(outcome.errors)")
    #expect(world.destination.values.isEmpty)
  }

  @Test("a file with many values over which the server fails can be sent a second time")
  func manyPoisons() throws {
    let world = try World(values: 6000)
    try world.fail(destination: #"{"kind":"poison","text":"4711","variant":"recorded","times":0}"#)
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      d2-pull --url $SRC --data-set $1 --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --quiet \\
        | jq -c 'select(.value|test("^[1-9][0-9]*$"))' | head -700 | awk 'NR % 10 == 0 { sub(/"value":"[0-9]*"/, "\\"value\\":\\"4711\\"") } { print }' > some
      d2-push --url $DST --quiet < some > /dev/null; echo $?; d2-push --url $DST --rejects rejects < some > /dev/null; echo $?; wc -l < rejects
      """)
    #expect(outcome.lines == ["1", "1", "70"], "\(outcome.errors)")
  }

  @Test("thousands of closed units on 2.43 cost a request each and no more, and the others arrive")
  func closedUnits() throws {
    let shell = Shell()
    shell.write("metadata.json", String(decoding: try Recorded.bytes("metadata.json"), as: UTF8.self))
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
      jq -f units.jq metadata.json > metadata
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
    let totals = World.totals(outcome.errors)
    #expect(totals["read"] == 603 && totals["refused"] == 600 && totals["updated"] == 3, "\(outcome.errors)")
    #expect((server.statistics["importSizes"]?.array?.count ?? 0) <= 610)
  }

  @Test("impossible counts in a summary end in order", arguments: ["9223372036854775807", "-9223372036854775808"])
  func impossibleCounts(count: String) throws {
    let world = try World(values: 100)
    try world.fail(
      destination:
        #"{"kind":"status","status":200,"type":"application/json","body":"{\"status\":\"SUCCESS\",\"importCount\":{\"imported\":\#(count),\"updated\":1,\"ignored\":0,\"deleted\":0}}","path":"/api/dataValueSets","times":0}"#
    )
    let outcome = world.run("\(World.pullAll) --quiet | d2-push --url $DST > /dev/null")
    #expect(outcome.status == 0 && World.totals(outcome.errors)["read"] == 100, "\(outcome.errors)")
  }
}
