import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Aggregate data exchanges of the source: what they would send, and the pair that they make.
@Suite("exchanges", .waiting)
struct ExchangeTests {
  typealias Version = StandInServer.ServerVersion

  private static func world(_ version: Version = .v42) throws -> World {
    try World(version, values: 6000, changeSource: { $0.analyticsSecondsAgo = 600 })
  }

  private static func ids(_ world: World) -> [String: String] {
    let metadata = world.metadata
    func element(_ name: String) -> String { metadata.dataElements.first { $0.name == name }!.uid }
    return [
      "VISITS": element("Visits 1"), "CASES": element("Cases 1"), "INDICATOR": metadata.indicators[0].uid,
      "URBAN": metadata.organisationUnitGroups[0].uid,
    ]
  }

  private static func add(_ world: World, requests: String, target: String = #"{"type":"INTERNAL"}"#) throws {
    try world.change(
      source: """
        {"aggregateDataExchanges":[{"id":"Exchange001","name":"To the donor","source":{"requests":[\(requests)]},"target":\(target)},
        {"id":"Exchange002","name":"Twice","source":{"requests":[]}},{"id":"Exchange003","name":"Twice","source":{"requests":[]}}]}
        """)
  }

  @Test("each request is asked for as d2-pull would ask", arguments: [Version.v40, .v42, .v43])
  func pulls(version: Version) throws {
    let world = try Self.world(version)
    let ids = Self.ids(world)
    try Self.add(
      world,
      requests: """
        {"name":"Districts","dx":["\(ids["VISITS"]!)","\(ids["INDICATOR"]!)"],"pe":["202201","2022Q1"],
         "ou":["LEVEL-3","\(world.root)"],"filters":[],"outputIdScheme":"CODE"},
        {"name":"Groups","dx":["\(ids["CASES"]!)"],"pe":["2022"],"ou":["OU_GROUP-\(ids["URBAN"]!)"]}
        """)
    let outcome = world.run(
      """
      d2-pull --url $SRC --exchange "To the donor" --summary summary > lines; echo $?
      jq -c --argjson lines $(wc -l < lines) '[.values == $lines, .status, .requests > 1]' summary
      (d2-pull --url $SRC --quiet --analytics --data-element $VISITS --indicator $INDICATOR --org-unit $ROOT --level 3 --period 202201,2022Q1 --id-scheme CODE
       d2-pull --url $SRC --quiet --analytics --data-element $CASES --org-unit-group $URBAN --period 2022) > should
      sort lines | cmp - <(sort should) && [ -s should ] && echo same
      d2-pull --url $SRC --exchange Exchange001 --period 202202 --quiet | jq -r .period | sort -u
      d2-pull --url $SRC --exchange Exchange001 --explain --quiet | wc -l
      """, ids)
    #expect(outcome.lines == ["0", "[true,0,true]", "same", "202202", "3"], "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("request \"Groups\": d2-pull --analytics --data-element \(ids["CASES"]!)"),
      "\(outcome.errors)")
  }

  @Test("reporting rates, groups and a user's own units are asked for like the rest", arguments: [Version.v40, .v43])
  func ratesAndGroups(version: Version) throws {
    let world = try Self.world(version)
    var ids = Self.ids(world)
    let metadata = world.metadata
    (ids["SET"], ids["OTHER"]) = (metadata.dataSets[0].uid, metadata.dataSets[1].uid)
    (ids["ELEMENTS"], ids["RATIOS"]) = (metadata.dataElementGroups[0].uid, metadata.indicatorGroups[0].uid)
    let rest = #""pe":["202201","2022"],"ou":["USER_ORGUNIT","USER_ORGUNIT_CHILDREN"]"#
    try Self.add(
      world,
      requests: """
        {"name":"Rates","dx":["\(ids["SET"]!).REPORTING_RATE","\(ids["OTHER"]!).REPORTING_RATE",
         "\(ids["OTHER"]!).EXPECTED_REPORTS"],\(rest)},
        {"name":"Groups","dx":["DE_GROUP-\(ids["ELEMENTS"]!)","IN_GROUP-\(ids["RATIOS"]!)"],\(rest),"aggregationType":"MAX"}
        """)
    let outcome = world.run(
      """
      d2-pull --url $SRC --exchange "To the donor" > lines; echo $?
      units=$ROOT,$(curl -s -u "$D2_USERNAME:$D2_PASSWORD" "$SRC/api/organisationUnits/$ROOT?fields=children" | jq -r '[.children[].id] | join(",")')
      with="d2-pull --url $SRC --quiet --analytics --org-unit $units --period 202201,2022"
      ($with --data-set $SET --reporting-rate REPORTING_RATE
       $with --data-set $OTHER --reporting-rate REPORTING_RATE,EXPECTED_REPORTS
       $with --data-element-group $ELEMENTS --indicator-group $RATIOS --aggregation-type MAX) > should
      diff <(sort lines) <(sort should) >&2 && [ $(wc -l < should) -gt 20 ] && echo same
      grep -c $OTHER.EXPECTED_REPORTS lines; grep -c $SET.EXPECTED_REPORTS lines
      $with --data-element-group $ELEMENTS > sums; [ $(comm -12 <(sort sums) <(sort lines) | wc -l) -lt $(wc -l < sums) ] && echo fewer
      """, ids)
    try #require(outcome.lines.count == 5, "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines[0] == "0" && outcome.lines[1] == "same", "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines[2] != "0" && outcome.lines[3] == "0", "\(outcome.output)")
    #expect(outcome.lines[4] == "fewer", "the largest values are not sums: \(outcome.output)")
  }

  @Test("each kind of id has the scheme that the exchange gives it, also if that is the usual one")
  func outputSchemes() throws {
    let world = try Self.world()
    let ids = Self.ids(world)
    let items = #""dx":["\#(ids["VISITS"]!)","\#(ids["INDICATOR"]!)"],"pe":["2022"],"ou":["\#(world.root)"]"#
    let metadata = world.metadata
    let code = metadata.dataElements.first { $0.uid == ids["VISITS"] }!.code!
    let indicator = metadata.indicators.first { $0.uid == ids["INDICATOR"] }!
    try Self.add(
      world,
      requests: """
        {"name":"Elements",\(items),"outputDataElementIdScheme":"CODE"},
        {"name":"Units",\(items),"outputIdScheme":"CODE","outputOrgUnitIdScheme":"UID"},
        {"name":"Items",\(items),"outputIdScheme":"CODE","outputDataItemIdScheme":"UID","outputDataElementIdScheme":"CODE"}
        """)
    let outcome = world.run(
      """
      d2-pull --url $SRC --exchange Exchange001 --quiet > lines; echo $?; jq -c '[.dataElement, .orgUnit]' lines
      """, ids)
    var expected = ["0", "[\"\(code)\",\"\(world.root)\"]", "[\"\(indicator.uid)\",\"\(world.root)\"]"]
    let ofUnits = [code, indicator.code ?? indicator.uid].map { "[\"\($0)\",\"\(world.root)\"]" }
    expected += ofUnits.sorted() + ["[\"\(code)\",\"LAND\"]", "[\"\(indicator.uid)\",\"LAND\"]"]
    let lines = outcome.lines
    let got = Array(lines.prefix(3)) + lines.dropFirst(3).prefix(2).sorted() + Array(lines.dropFirst(5))
    #expect(got == expected, "\(outcome.output)\(outcome.errors)")
  }

  @Test("ids in another scheme are looked up", arguments: ["CODE", "NAME"])
  func inputScheme(scheme: String) throws {
    let world = try Self.world()
    let ids = Self.ids(world)
    let metadata = world.metadata
    func text(_ code: String?, _ name: String) -> String { scheme == "CODE" ? code! : name }
    let visits = metadata.dataElements.first { $0.name == "Visits 1" }!
    let indicator = metadata.indicators[0]
    let group = metadata.organisationUnitGroups[0]
    let root = metadata.organisationUnits.first { $0.uid == world.root }!
    let set = metadata.dataSets[0]
    try Self.add(
      world,
      requests: """
        {"name":"Codes","dx":["\(text(visits.code, visits.name))","\(text(indicator.code, indicator.name))",
         "\(text(set.code, set.name)).ACTUAL_REPORTS","nobody's"],"pe":["2022"],
         "ou":["\(text(root.code, root.name))","OU_GROUP-\(text(group.code, group.name))"],"inputIdScheme":"\(scheme)"},
        {"name":"Lost","dx":["\(text(visits.code, visits.name))"],"pe":["2022"],"ou":["nowhere"],"inputIdScheme":"\(scheme)"}
        """)
    let outcome = world.run(
      """
      d2-pull --url $SRC --exchange "To the donor" > lines; echo $?
      d2-pull --url $SRC --quiet --analytics --data-element $VISITS --indicator $INDICATOR --data-set $SET \
        --reporting-rate ACTUAL_REPORTS --org-unit $ROOT --org-unit-group $URBAN --period 2022 > should
      sort lines | cmp - <(sort should) && [ -s should ] && echo same
      """, ids.merging(["SET": set.uid]) { first, _ in first })
    #expect(outcome.errors.contains("left out 1 data item, nobody's"), "\(outcome.errors)")
    #expect(outcome.lines == ["1", "same"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("request \"Lost\" is left out: nothing is left to ask"), "\(outcome.errors)")
  }

  @Test("what cannot be asked for is named, and the rest is out: status 1")
  func faults() throws {
    let world = try Self.world()
    let ids = Self.ids(world)
    let rest = #""pe":["2022"],"ou":["\#(world.root)"]"#
    let visits = ids["VISITS"]!
    try Self.add(
      world,
      requests: """
        {"name":"Odd","dx":["\(visits)"],\(rest),"aggregationType":"GUESS"},
        {"name":"Codes","dx":["X1"],\(rest),"inputIdScheme":"BARCODE"},
        {"name":"Filtered","dx":["\(visits)"],\(rest),"filters":[{"dimension":"ou","items":["\(world.root)"]}]},
        {"name":"Unknown","dx":["\(visits)"],\(rest),"inputIdScheme":"CODE","filters":[{"dimension":"none","items":["A"]}]},
        {"name":"Good","dx":["\(visits)","Unknown0001"],\(rest)}
        """)
    let outcome = world.run(
      """
      d2-pull --url $SRC --exchange Exchange001 | wc -l; echo ${PIPESTATUS[0]}
      d2-pull --url $SRC --exchange Twice; echo $?; d2-pull --url $SRC --exchange nothing; echo $?
      d2-pull --url $SRC --exchange Exchange001 --data-element $VISITS; echo $?
      """, ids)
    #expect(outcome.lines == ["1", "1", "64", "64", "64"], "\(outcome.output)\(outcome.errors)")
    for words in [
      "request \"Odd\" of To the donor is left out: it asks for the aggregation type GUESS",
      "its ids are given as BARCODE", "it filters by ou", "an id of its filter by none is unknown",
      "left out 1 data item, Unknown0001", "several exchanges have this name",
      "there is no exchange with this uid, code or name",
      "--data-element does not go with --exchange",
    ] { #expect(outcome.errors.contains(words), "\(words) is not in \(outcome.errors)") }
  }

  @Test("a destination whose exchange has an unusable address: the exchange is named, and what to do")
  func unusableAddress() throws {
    let world = try World(pairIn: .sqlite, pair: false)
    let address = world.destination.url.replacing("http://", with: "http://mover:hush@")
    try Self.add(world, requests: "", target: #"{"type":"EXTERNAL","api":{"url":"\#(address)"}}"#)
    let outcome = world.run(
      """
      add="d2-pairs add --quiet --source-url $SRC --source-username admin --source-password env:SOURCE_PASSWORD"
      $add bad --from-exchange "To the donor"; echo $?
      $add good --from-exchange "To the donor" --destination-url $DST | jq -r .destination_config.api_url
      """)
    #expect(outcome.lines == ["64", world.destination.url + "/api"], "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains(
        "the address of exchange To the donor (Exchange001) cannot be used: the URL holds a user name or password"),
      "\(outcome.errors)")
    #expect(outcome.errors.contains("give the address here: --destination-url"), "\(outcome.errors)")
    #expect(!(outcome.output + outcome.errors).contains("hush"))
    let unknown = world.run(
      "d2-pairs add x --source-url $SRC --source-username admin --source-password env:SOURCE_PASSWORD --from-exchange none"
    )
    #expect(
      unknown.errors.contains("--from-exchange \"none\": there is no exchange with this uid"), "\(unknown.errors)")
  }

  @Test("d2-pairs add --from-exchange takes the destination from it, and says what it cannot know")
  func pairs() throws {
    let world = try World(pairIn: .sqlite, pair: false)
    try Self.add(
      world, requests: "",
      target: """
        {"type":"EXTERNAL","api":{"url":"\(world.destination.url)","username":"mover","password":"hush"},
         "request":{"idScheme":"CODE","dataElementIdScheme":"UID","orgUnitIdScheme":"CODE","importStrategy":"CREATE","dryRun":false}}
        """)
    let outcome = world.run(
      """
      unset D2_USERNAME D2_PASSWORD
      add="d2-pairs add --source-url $SRC --source-username admin --source-password env:SOURCE_PASSWORD"
      $add donor --from-exchange "To the donor" | jq -r .destination_config.api_url; echo ${PIPESTATUS[0]}
      $add other --destination-name second --from-exchange Exchange001 --destination-username admin --destination-password env:SOURCE_PASSWORD --quiet | jq -r .destination_config.username
      $add same --from-exchange Exchange002 --quiet; $add none --from-exchange Nowhere; echo $?
      """)
    #expect(
      outcome.lines.first == world.destination.url + "/api" && outcome.lines.dropFirst().first == "0",
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines.last == "64" && outcome.lines.contains("admin"), "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("as mover, and nobody can read its secret"), "\(outcome.errors)")
    #expect(
      outcome.errors.contains(
        "--exchange Exchange001 | d2-push --pair donor --id-scheme CODE --category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID --data-element-id-scheme UID --import-strategy CREATE"
      ),
      "\(outcome.errors)")
    #expect(!(outcome.output + outcome.errors).contains("hush"))
    // An internal exchange sends to its own server, as the same user.
    let same = outcome.documents.first { $0["pair"] == "same" }
    #expect(same?["destination_config"]?["api_url"] == same?["source_config"]?["api_url"])
    #expect(same?["destination_config"]?["username"] == "admin")
  }
}
