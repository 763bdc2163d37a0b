import D2Common
import Testing
import WaitingTests

@testable import StandInServer

/// The requests of d2-pull, and the answers that it accepts.
@Suite("d2-pull: requests", .waiting)
struct PullRequestTests {
  @Test("--limit holds over several requests, also with several at a time", arguments: [1, 4])
  func limit(concurrency: Int) throws {
    let world = try World()
    let outcome = world.run("\(World.pullAll) --limit 1500 --concurrency \(concurrency) | wc -l")
    #expect(outcome.lines == ["1500"], "\(outcome.errors)")
  }

  @Test("long lists of data elements are cut into safe addresses, and no value comes twice")
  func manyElements() throws {
    let world = try World()
    let outcome = world.run(
      """
      elements=$(curl -s -u admin:district "$SRC/api/dataElements?fields=id&paging=false" | jq -r '[.dataElements[].id]|join(",")')
      for e in ${elements//,/ }; do more=$more$e,; for i in 1 2 3 4 5; do n=$((n + 1)); more=$more$(printf 'Aa%09d,' $n); done; done
      d2-pull --url $SRC --data-element $more --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --include-deleted --no-check --quiet > got
      wc -l < got; sort -u got | wc -l
      """)
    #expect(outcome.lines == ["3000", "3000"], "\(outcome.errors)")
    for request in world.source.statistics["recent"]?.array ?? [] {
      #expect((request["target"]?.string ?? "").utf8.count <= 4096)
    }
  }

  @Test("counts at concurrency are true, spooled lines are never mixed")
  func concurrentSpool() throws {
    let world = try World(values: 12000)
    try world.fail(source: #"{"kind":"short-answer","thousands":1,"path":"/api/dataValueSets","times":2}"#)
    let outcome = world.run(
      "\(World.pullAll) --spool --concurrency 4 --summary sum > got; echo $?; jq -c . got | sort -u | wc -l; jq -c .values sum"
    )
    #expect(outcome.lines == ["0", "12000", "12000"], "\(outcome.errors)")
  }

  @Test("an unknown attribute option combo is found: its filter would be dropped")
  func unknownCombo() throws {
    let world = try World()
    let outcome = world.run(
      "\(World.pullAll) --attribute-option-combo NotThereAoc > out; echo $?; wc -c < out")
    #expect(outcome.lines == ["64", "0"], "\(outcome.errors)")
  }

  @Test("an error that comes as HTTP 200 is an error")
  func errorAsSuccess() throws {
    let world = try World()
    try world.fail(
      source:
        #"{"kind":"status","status":200,"type":"application/json","body":"{\"httpStatus\":\"Conflict\",\"httpStatusCode\":409,\"status\":\"ERROR\",\"message\":\"boo\",\"errorCode\":\"E2012\"}","path":"/api/dataValueSets","times":0}"#
    )
    let outcome = world.run(World.pullAll)
    #expect(
      outcome.status == 77 && outcome.errors.contains("E2012") && outcome.errors.contains("boo"), "\(outcome.errors)")
  }
}
