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
      d2-pull --url $SRC --exchange "To the donor" > lines; echo $?
      (d2-pull --url $SRC --quiet --analytics --data-element $VISITS --indicator $INDICATOR --org-unit $ROOT --level 3 --period 202201,2022Q1 --id-scheme CODE
       d2-pull --url $SRC --quiet --analytics --data-element $CASES --org-unit-group $URBAN --period 2022) > should
      sort lines | cmp - <(sort should) && [ -s should ] && echo same
      d2-pull --url $SRC --exchange Exchange001 --period 202202 --quiet | jq -r .period | sort -u
      d2-pull --url $SRC --exchange Exchange001 --explain --quiet | wc -l
      """, ids)
    #expect(outcome.lines == ["0", "same", "202202", "3"], "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("request \"Groups\": d2-pull --analytics --data-element \(ids["CASES"]!)"),
      "\(outcome.errors)")
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
        {"name":"Average","dx":["\(visits)"],\(rest),"aggregationType":"AVERAGE"},
        {"name":"Codes","dx":["X1"],\(rest),"inputIdScheme":"CODE"},
        {"name":"Mine","dx":["\(visits)"],"pe":["2022"],"ou":["USER_ORGUNIT"]},
        {"name":"Filtered","dx":["\(visits)"],\(rest),"filters":[{"dimension":"ou","items":["\(world.root)"]}]},
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
      "request \"Average\" of To the donor is left out: it asks for another aggregation type (AVERAGE)",
      "its ids are given as CODE, and not as uids", "USER_ORGUNIT means other units for each user", "it filters by ou",
      "left out 1 data item, Unknown0001", "several exchanges are called so", "no exchange of this uid, code or name",
      "--data-element does not go with --exchange",
    ] { #expect(outcome.errors.contains(words), "\(words) is not in \(outcome.errors)") }
  }

  @Test("d2-pairs add --from-exchange takes the destination from it, and says what it cannot know")
  func pairs() throws {
    let world = try World(pairIn: .sqlite, pair: false)
    try Self.add(
      world, requests: "",
      target: """
        {"type":"EXTERNAL","api":{"url":"\(world.destination.url)","username":"mover","password":"hush"},
         "request":{"idScheme":"CODE","importStrategy":"CREATE","dryRun":false}}
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
        "--exchange Exchange001 | d2-push --pair donor --id-scheme CODE --import-strategy CREATE"),
      "\(outcome.errors)")
    #expect(!(outcome.output + outcome.errors).contains("hush"))
    // An internal exchange sends to its own server, as the same user.
    let same = outcome.documents.first { $0["pair"] == "same" }
    #expect(same?["destination_config"]?["api_url"] == same?["source_config"]?["api_url"])
    #expect(same?["destination_config"]?["username"] == "admin")
  }
}
