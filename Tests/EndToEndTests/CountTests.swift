import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// `d2-pull --count`: estimates what a pull would move, without moving it.
@Suite("d2-pull --count", .waiting)
struct CountTests {
  /// For a source: how many values a pull brings, and the result of a count of the same.
  private static func compare(_ world: World, _ pull: String) throws -> (
    truth: Int, count: JSONValue, errors: String
  ) {
    let pulled = world.run("\(pull) --quiet | wc -l")
    let counted = world.run("\(pull) --count --summary count.json")
    #expect(counted.status == 0, "\(counted.errors)")
    #expect(World.filtersByReference(world.source) == [])
    return (Int(pulled.lines.first ?? "") ?? -1, try JSONValue(parsing: world.shell.file("count.json")), counted.errors)
  }

  @Test("little is counted exactly, by the requests that a pull would make", arguments: [ServerVersion.v42, .v43])
  func little(version: StandInServer.ServerVersion) throws {
    let world = try World(version, values: 2000)
    let (truth, count, errors) = try Self.compare(world, World.pullAll)
    #expect(count["isExact"]?.bool == true && count["values"]?.int == truth && truth > 1500, "\(count.text)")
    #expect(count["low"]?.int == truth && count["high"]?.int == truth && count["requests"]?.int == 6)
    #expect(errors.hasPrefix("d2-pull: \(truth) values, "), "\(errors)")
    // A lookup of data sets, one of units, and six questions.
    #expect(count["cost"]?["requests"]?.int == 8, "\(count.text)")
    let urls = world.run("\(World.pullAll) --count --explain --quiet | jq -r '.urls[]'")
    #expect(urls.lines == world.run("\(World.pullAll) --explain --quiet | jq -r .url").lines)
    #expect(world.run("\(World.pullAll) --count --quiet | grep -c urls").lines == ["0"])
    let limited = world.run(
      "\(World.pullAll) --count --limit 100 --summary s --quiet >&2; jq -c '[.values, .high]' s")
    #expect(limited.lines == ["[100,100]"])
  }

  @Test(
    "much is estimated: the range holds the truth, few requests and few bytes were needed",
    arguments: [ServerVersion.v42, .v43])
  func much(version: StandInServer.ServerVersion) throws {
    let world = try World(version, values: 150_000) { $0.generatedUnits = 2500 }
    let pull = World.pullAll
      .replacing("$ROOT", with: Country.metadata(units: 2500, seed: 1).organisationUnits[0].uid)
      .replacing("$DS", with: Country.metadata(units: 2500, seed: 1).dataSets.map(\.uid).joined(separator: ","))
    let (truth, count, errors) = try Self.compare(world, pull)
    let (low, high) = (count["low"]?.int ?? .max, count["high"]?.int ?? 0)
    #expect(low < truth && truth < high, "\(truth): \(count.text)")
    #expect(low * 3 > truth && high < truth * 3, "\(truth): \(errors)")
    #expect(count["isExact"]?.bool == false && errors.contains("extrapolated from"))
    let cost = count["cost"]!
    #expect(cost["requests"]!.int! <= 2 + 6 * 5, "\(cost.text)")
    let answer =
      world.run("\(pull) --quiet --summary s > values; jq .wireBytes s").lines.first.flatMap { Int($0) } ?? 0
    #expect(cost["wireBytes"]!.int! * 3 < answer, "\(cost.text) of \(answer)")
    let bytes = (count["bytes"]?.int ?? 0, world.run("jq .bytes s").lines.first.flatMap { Int($0) } ?? 0)
    #expect(bytes.0 * 3 > bytes.1 && bytes.0 < bytes.1 * 3, "\(bytes)")
    // The same request gives the same answer.
    let again = world.run("\(pull) --count --quiet --summary again > rows; jq .values again").lines.first
    #expect(again == count["values"]?.int.map { "\($0)" })
  }

  @Test("values in few of many units: the range is wide, or open, and never wrong")
  func skewed() throws {
    let metadata = Country.metadata(units: 2500, seed: 1)
    let world = try World(values: 20) { $0.generatedUnits = 2500 }
    let set = metadata.dataSets[0]
    let element = metadata.elements(of: set.uid).sorted()[0]
    let units = metadata.organisationUnits.filter { $0.level == 5 && $0.closed == nil }.map(\.uid)
    for (name, share) in [("some", 10), ("few", 60), ("one", units.count)] {
      var lines = ""
      for (place, unit) in units.enumerated() where place % share == 0 {
        // A hospital in the capital has a hundred times as much as a clinic.
        for number in 0..<(share == units.count ? 3000 : place % (share * 7) == 0 ? 240 : 40) {
          let month = number % 12 + 1
          lines +=
            #"{"dataElement":"\#(element)","period":"\#(1990 + number / 12)\#(month < 10 ? "0" : "")\#(month)","orgUnit":"\#(unit)","categoryOptionCombo":"HllvX50cXC0","attributeOptionCombo":"HllvX50cXC0","value":"\#(number)"}"#
            + "\n"
        }
      }
      world.shell.write("values", lines)
      let stored = world.run(
        "curl -sf -X DELETE $SRC/control/values > /dev/null; curl -sf --data-binary @values -o /dev/null $SRC/control/values"
      )
      #expect(stored.status == 0)
      let (truth, count, errors) = try Self.compare(
        world,
        "d2-pull --url $SRC --data-set \(set.uid) --org-unit \(metadata.organisationUnits[0].uid) --children --start-date 1989-01-01 --end-date 2300-01-31"
      )
      #expect(truth > 2500, "\(name): \(truth)")
      #expect((count["low"]?.int ?? .max) <= truth, "\(name), \(truth): \(count.text)")
      #expect((count["high"]?.int ?? .max) >= truth, "\(name), \(truth): \(count.text)")
      #expect(count["isExact"]?.bool == false)
      if count["high"] == .null { #expect(errors.contains("the total is unknown")) }
      #expect(count["cost"]!["requests"]!.int! <= 8, "\(count["cost"]!.text)")
    }
  }

  // MARK: Hostile answers

  /// Of a server that answers to a question for organisation units with this, and assigns no units to data sets.
  private static func count(_ world: World, units answer: String) throws -> (Shell.Outcome, JSONValue) {
    world.source.clearFaults()
    let body = JSONValue.string(answer).text
    try world.fail(
      source:
        #"{"kind":"status","status":200,"type":"application/json","times":0,"path":"/api/organisationUnits","query":"path:like","body":\#(body)}"#
    )
    try world.fail(
      source:
        #"{"kind":"status","status":200,"type":"application/json","times":0,"path":"/api/dataSets/","body":"{\"organisationUnits\":[]}"}"#
    )
    let outcome = world.run("rm -f count; \(World.pullAll) --count --summary count > rows")
    return (outcome, (try? JSONValue(parsing: world.shell.file("count"))) ?? .null)
  }

  @Test("a number of units that cannot be is said in a line, and not counted with")
  func pagers() throws {
    let world = try World(values: 20_000)
    for total in [
      "-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "1e300", "-1e300", "1e19", "10000001",
      "2.5", #""twelve""#, #""-12""#, #""1e300""#, "null", "[]", "{}", "true",
    ] {
      let (outcome, _) = try Self.count(
        world, units: #"{"pager":{"page":1,"total":\#(total)},"organisationUnits":[{"id":"abcdefghijk"}]}"#)
      #expect(outcome.status == 76, "\(total): \(outcome.errors)")
      let others = outcome.errors.split(separator: "\n").filter {
        !$0.contains("the answer has no organisation units, or no total of them")
      }
      #expect(others == [], "\(total)")
      #expect(outcome.errors.utf8.count { $0 == 0x0A } == 1, "\(total): \(outcome.errors)")
    }
    for answer in [
      "{}", #"{"organisationUnits":[]}"#, #"{"pager":{},"organisationUnits":[]}"#, #"{"pager":{"total":5}}"#, "[]", "7",
    ] {
      let (outcome, _) = try Self.count(world, units: answer)
      #expect(outcome.status == 76, "\(answer): \(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(answer): \(outcome.errors)")
    }
  }

  @Test("units that a server counts and does not show leave the upper bound open")
  func hiddenUnits() throws {
    let world = try World(values: 20_000)
    let truth = Int(world.run("\(World.pullAll) --quiet | wc -l").lines.first ?? "") ?? -1
    for answer in [
      #"{"pager":{"total":10000000},"organisationUnits":[]}"#,
      #"{"pager":{"total":10000000},"organisationUnits":[{},{"id":7},{"name":"x"}]}"#,
    ] {
      let (outcome, count) = try Self.count(world, units: answer)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(count["high"] == .null && count["isExact"] == false, "\(count.text)")
      #expect((count["low"]?.int ?? .max) <= truth && count["low"]?.int ?? 0 >= 2001, "\(truth): \(count.text)")
      #expect(outcome.errors.contains("but the total is unknown"), "\(outcome.errors)")
    }
  }

  @Test("a server that does not know limit: what came is the least, and nothing is made of it")
  func unlimited() throws {
    let world = try World(values: 100)
    // More than a sample may contain, whatever the request.
    let values = Array(repeating: #"{"dataElement":"a","period":"202201","orgUnit":"b","value":"1"}"#, count: 20_500)
    let body = JSONValue.string("{\"dataValues\":[\(values.joined(separator: ","))]}").text
    try world.fail(
      source:
        #"{"kind":"status","status":200,"type":"application/json","times":0,"path":"/api/dataValueSets","body":\#(body)}"#
    )
    let outcome = world.run(
      "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --period 202201 --count --summary count > rows; echo $?"
    )
    let count = try JSONValue(parsing: world.shell.file("count"))
    #expect(outcome.lines == ["0"], "\(outcome.errors)")
    #expect(count["low"]?.int == 20_500 && count["high"] == .null && count["isExact"] == false, "\(count.text)")
    #expect(
      outcome.errors.contains("there are at least 20500 values, but the total is unknown"), "\(outcome.errors)")
  }

  @Test("with a pair, a slice, groups, registrations and named units", arguments: StoreKind.available)
  func selections(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 1500)
    let outcome = world.run(
      """
      d2-pull --pair hmis -y 2022 --count --quiet --summary s > rows
      say counted $(jq .values s); say in-rows $(jq -s '[.[].values] | add' rows)
      say pulled $(d2-pull --pair hmis -y 2022 --quiet | wc -l)
      d2-slices plan --pair hmis --data-set MONTH -y 2022 --quiet > /dev/null; slice=$(d2-slices claim --pair hmis)
      say slice-counted $(D2_SUMMARY_DIR=$PWD d2-pull --slice "$slice" --count --quiet | jq .values)
      say slice-pulled $(d2-pull --slice "$slice" --quiet | wc -l); [ -e pull.json ] && say pull-summary there
      say registrations-exact $(d2-pull --pair hmis -y 2022 --registrations --count --quiet | jq -s '[.[].isExact] | all')
      d2-pull --url $SRC --data-set $DS --org-unit Nowhere1234,$ROOT --children --period 202201 --count --quiet > /dev/null 2>&1
      say unknown-unit $?
      D2_PASSWORD=wrong d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --period 202201 --count > out 2>&1
      say wrong-password $?; say its-rows $(grep -c ' values' out)
      """)
    let counted = try #require(outcome["counted"].flatMap(Int.init), "\(outcome.output)\(outcome.errors)")
    let ofSlice = try #require(outcome["slice-counted"].flatMap(Int.init), "\(outcome.output)\(outcome.errors)")
    #expect(counted > 500)
    #expect(
      outcome.lines == [
        "counted=\(counted)", "in-rows=\(counted)", "pulled=\(counted)", "slice-counted=\(ofSlice)",
        "slice-pulled=\(ofSlice)", "registrations-exact=true", "unknown-unit=1", "wrong-password=77", "its-rows=0",
      ], "\(outcome.errors)")
  }
}
