import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("Values that the destination accepts and does not keep", .waiting)
struct NotKeptTests {
  typealias Version = StandInServer.ServerVersion

  /// Data elements that do something to their values; the source's keep all.
  private static let elements = ["KeepsNoZero", "KeepsZeros1", "MeanOfZeros", "SomeRemarks", "IsItBoolean"]

  private static func metadata(significant: Bool) -> String {
    #"""
    {"dataElements":[{"id":"KeepsNoZero","valueType":"NUMBER","aggregationType":"SUM","zeroIsSignificant":\#(significant)},
      {"id":"KeepsZeros1","valueType":"INTEGER","aggregationType":"SUM","zeroIsSignificant":true},
      {"id":"MeanOfZeros","valueType":"NUMBER","aggregationType":"AVERAGE","zeroIsSignificant":false},
      {"id":"SomeRemarks","valueType":"TEXT"},{"id":"IsItBoolean","valueType":"BOOLEAN"}]}
    """#
  }

  /// Puts the elements into the monthly data set of both servers.
  private static func prepare(_ world: World) throws {
    let set = Country.metadata(units: World.units, seed: 1).dataSets[0]
    let monthly = Country.metadata(units: World.units, seed: 1)
    let all = set.elements.map { monthly.dataElements[$0].uid } + elements + ["SomeFiles01"]
    for (server, significant) in [(world.source, true), (world.destination, false)] {
      try server.change(metadata: metadata(significant: significant))
      try server.change(metadata: #"{"dataElements":[{"id":"SomeFiles01","valueType":"FILE_RESOURCE"}]}"#)
      let list = all.map { #"{"dataElement":{"id":"\#($0)"}}"# }.joined(separator: ",")
      try server.change(metadata: #"{"dataSets":[{"id":"\#(set.uid)","dataSetElements":[\#(list)]}]}"#)
    }
    let unit = monthly.organisationUnits[set.units[0]].uid
    let rows = [
      ("KeepsNoZero", "202201", "0"), ("KeepsNoZero", "202202", "0.0"), ("KeepsNoZero", "202203", "5"),
      ("KeepsZeros1", "202201", "0"), ("MeanOfZeros", "202201", "0"), ("SomeRemarks", "202201", "  padded"),
      ("SomeRemarks", "202202", " "), ("SomeRemarks", "202203", "as it is"), ("IsItBoolean", "202201", "1"),
      ("IsItBoolean", "202202", "false"),
    ]
    let lines = rows.map {
      #"{"dataElement":"\#($0)","period":"\#($1)","orgUnit":"\#(unit)","dataSet":"\#(set.uid)","value":"\#($2)"}"#
    }
    world.shell.write("rows", lines.joined(separator: "\n") + "\n")
    world.shell.write(
      "file",
      #"{"dataElement":"SomeFiles01","period":"202201","orgUnit":"\#(unit)","dataSet":"\#(set.uid)","value":"FileUid0001"}"#
        + "\n")
  }

  @Test(
    "zeros and white space are counted apart, and kept in the rejects with the reason", arguments: [Version.v40, .v42])
  func notKept(version: Version) throws {
    let world = try World(.v42, version, values: 10)
    try Self.prepare(world)
    let outcome = world.run(
      """
      d2-push --url $DST --rejects rejects --summary sum < rows > batches; echo $?
      jq -c '[.read,.imported,.updated,.deleted,.ignored,.refused,.notSent,.notKept,.changed]' sum
      jq -c '[.notKept,.changed]' batches
      jq -c '[.line,.value.value,(.message|startswith("not kept: "))]' rejects
      d2-push --url $DST --fail-on-not-kept < rows > /dev/null 2>&1; echo $?
      """)
    #expect(
      outcome.lines == [
        "0", "[10,7,0,0,0,0,0,3,2]", "[3,2]", #"[1,"0",true]"#, #"[2,"0.0",true]"#, #"[7," ",true]"#, "1",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("0 not sent + 3 not kept;"), "\(outcome.errors)")
    #expect(World.totals(outcome.errors)["kept"] == 3)
    let posts = (world.destination.statistics["recent"]?.array ?? []).filter {
      $0["target"]?.string?.hasPrefix("/api/dataElements") == true
    }
    #expect(posts.count == 2, "one question about metadata a run")

    // A zero deletes the value that was there.
    _ = world.run("jq -c '.value=\"8\"' <(head -1 rows) | d2-push --url $DST > /dev/null")
    let deleting = world.run(
      "d2-push --url $DST --summary sum < rows > /dev/null; jq -c '[.read,.deleted,.ignored,.notKept]' sum")
    #expect(deleting.lines == ["[10,0,7,3]"], "\(deleting.errors)")
    let held = world.destination.values.split(separator: "\n").filter {
      $0.contains("KeepsNoZero") && $0.contains("202201")
    }
    #expect(held.allSatisfy { $0.contains("\"deleted\":true") } && held.count == 1, "\(held)")

    // The row is marked as deleted now. The server stores the zero in it.
    let reviving = world.run(
      "head -1 rows | d2-push --url $DST --summary sum > /dev/null; jq -c '[.read,.imported,.notKept]' sum")
    #expect(reviving.lines == ["[1,1,0]"], "\(reviving.errors)")
    let revived = world.destination.values.split(separator: "\n").filter {
      $0.contains("KeepsNoZero") && $0.contains("202201") && $0.contains(#""value":"0""#)
    }
    #expect(revived.count == 1 && revived.allSatisfy { $0.contains(#""deleted":false"#) }, "\(revived)")
  }

  @Test("without an answer about metadata, or with --no-check, nothing is counted apart and nothing is posted twice")
  func unasked() throws {
    let world = try World(.v42, .v42, values: 10)
    try Self.prepare(world)
    try world.fail(destination: #"{"kind":"status","status":403,"path":"/api/dataElements","times":0}"#)
    for option in ["", "--no-check"] {
      let outcome = world.run(
        "d2-push --url $DST \(option) --summary sum < <(head -5 rows) > /dev/null; say status $?; say counts $(jq -c '[.notKept,.requests]' sum)"
      )
      #expect(outcome.lines == ["status=0", "counts=[0,1]"], "\(option): \(outcome.errors)")
    }
  }

  @Test("servers from 2.43 on keep zeros and white space, and bring booleans to one spelling")
  func later() throws {
    let world = try World(.v42, .v43, values: 10)
    try Self.prepare(world)
    let outcome = world.run(
      "d2-push --url $DST --summary sum < rows > /dev/null; echo $?; jq -c '[.read,.updated,.notKept,.changed]' sum")
    #expect(outcome.lines == ["0", "[10,10,0,1]"], "\(outcome.output)\(outcome.errors)")
    // An integer loses `.0`.
    let integer = world.run(
      """
      sed -n 4p rows | jq -c '.value="12.0"' | d2-push --url $DST --summary sum > /dev/null; echo $?
      jq -c '[.read,.updated,.refused,.changed]' sum
      """)
    #expect(integer.lines == ["0", "[1,1,0,1]"], "\(integer.output)\(integer.errors)")
    let stored = world.destination.values.split(separator: "\n").filter { $0.contains("KeepsZeros1") }
    #expect(stored.count == 1 && stored.allSatisfy { $0.contains(#""value":"12""#) }, "\(stored)")
  }

  @Test(
    "values of elements that hold files are set apart without a request, and their neighbours arrive",
    arguments: [Version.v40, .v42, .v43])
  func files(version: Version) throws {
    let world = try World(.v42, version, values: 10)
    try Self.prepare(world)
    let outcome = world.run(
      """
      cat <(sed -n 3,4p rows) file <(sed -n 8p rows) | d2-push --url $DST --rejects rejects --summary sum > /dev/null; echo $?
      jq -c '[.line,.value.dataElement]' rejects; jq -c '[.read,.refused,.requests]' sum
      """)
    #expect(outcome.lines == ["1", #"[3,"SomeFiles01"]"#, "[4,1,1]"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("SomeFiles01 holds files, which do not travel"), "\(outcome.errors)")
    #expect(world.destination.values.split(separator: "\n").count == 3)
  }

  @Test("a dry run says that nothing was stored: in the totals, in the batch lines, in the summary")
  func dryRun() throws {
    let world = try World(.v42, .v42, values: 10)
    try Self.prepare(world)
    let outcome = world.run(
      "d2-push --url $DST --dry-run --summary sum < rows | jq -c .dryRun; jq -c .dryRun sum; d2-push --url $DST --summary sum < rows | jq -c 'has(\"dryRun\")'; jq -c .dryRun sum"
    )
    #expect(outcome.lines == ["true", "true", "false", "false"], "\(outcome.output)")
    #expect(outcome.errors.contains("d2-push: dry run, nothing was stored: read 10 = "), "\(outcome.errors)")
  }

  @Test(
    "d2-datasets check reports elements whose zeros are not kept, and those that hold files",
    arguments: StoreKind.available)
  func check(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    try Self.prepare(world)
    let outcome = world.run(
      """
      d2-datasets sync --pair hmis --quiet > /dev/null
      d2-datasets check --pair hmis --data-set MONTH --format json > problems; echo $?
      jq -r '[.problem, .id, .source, .destination] | join(" ")' problems
      """)
    #expect(
      outcome.lines == [
        "1", "zerosNotKept KeepsNoZero true false", "holdsFiles SomeFiles01 FILE_RESOURCE FILE_RESOURCE",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("files and pictures do not travel with data values"), "\(outcome.errors)")
  }

  @Test(
    "d2-diff counts separately what the destination does not keep, and so finishes",
    arguments: StoreKind.available)
  func diff(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    try Self.prepare(world)
    let diff = "d2-diff --pair hmis --data-set MONTH -y 2022 --format ndjson --summary sum"
    let outcome = world.run(
      """
      d2-orgunits sync --pair hmis --quiet > /dev/null; d2-datasets sync --pair hmis --quiet > /dev/null
      cat rows file | curl -sf --data-binary @- $SRC/control/values > /dev/null
      d2-push --pair hmis < rows > /dev/null 2>&1
      \(diff); echo $?; jq -c '[.source,.destination,.equal,.missing,.different,.notKept]' sum
      d2-diff --pair hmis --data-set MONTH -y 2022 --format summary --quiet | jq -s -c '[(map(.source)|add), (map(.notKept)|add)]'
      # A zero at the source deletes what the destination has: that is a difference, until it was pushed.
      sed -n 3p rows | jq -c '.value="0"' | curl -sf --data-binary @- $SRC/control/values > /dev/null
      \(diff) | jq -r .period; \(diff) 2> /dev/null | d2-push --pair hmis > /dev/null 2>&1; \(diff) 2> /dev/null; echo $?
      """)
    #expect(
      outcome.lines == ["0", "[11,7,5,0,0,6]", "[11,6]", "202203", "0"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("6 that the destination does not keep as they are"), "\(outcome.errors)")
  }

  @Test("d2-pull says once that files do not travel; not with --no-check")
  func pull() throws {
    let world = try World(values: 10)
    try Self.prepare(world)
    let pull = "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --period 202201,202202"
    let checked = world.run("\(pull) > /dev/null")
    let says = "data elements that hold files or pictures: SomeFiles01. The files do not travel with the values"
    #expect(checked.status == 0 && checked.errors.count(of: says) == 1, "\(checked.errors)")
    let element = world.run(
      "d2-pull --url $SRC --data-element SomeFiles01 --org-unit $ROOT --children --period 202201 > /dev/null")
    #expect(element.errors.count(of: says) == 1, "\(element.errors)")
    let unchecked = world.run("\(pull) --no-check > /dev/null")
    #expect(unchecked.errors.count(of: says) == 0, "\(unchecked.errors)")
  }
}

extension String {
  /// How often a text is in it.
  fileprivate func count(of text: String) -> Int { ranges(of: text).count }
}
