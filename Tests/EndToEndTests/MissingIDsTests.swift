import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Objects without an id in the scheme of the output: their values do not become another object's.
@Suite("ids that are missing in a scheme", .waiting)
struct MissingIDsTests {
  /// Two combos of the monthly data set lose their codes.
  private static func combos(_ world: World) throws -> [String] {
    let metadata = Country.metadata(units: World.units, seed: 1)
    let element = metadata.dataElements[metadata.dataSets[0].elements[0]]
    let combos = metadata.categoryCombos[element.combo].optionCombos.map { metadata.categoryOptionCombos[$0].uid }
    let changes = combos.map { #"{"id":"\#($0)","code":null}"# }.joined(separator: ",")
    try world.source.change(metadata: #"{"categoryOptionCombos":[\#(changes)]}"#)
    return combos
  }

  private static let uids = "--category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID"
  private static let pull =
    "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --start-date 2022-01-01 --end-date 2022-12-31"

  @Test(
    "up to 2.42 values without an id are left out, named, counted, status 1; the rest arrives",
    arguments: ["", "--spool"])
  func leftOut(spool: String) throws {
    let world = try World(values: 3000)
    let combos = try Self.combos(world)
    let outcome = world.run(
      """
      \(Self.pull) --quiet > all; \(Self.pull) \(spool) --id-scheme CODE --summary summary > values; echo $?
      grep -c null.*null.*null.*null values | head -1 > /dev/null; grep -c '"categoryOptionCombo":null' values
      expected=$(jq -r .categoryOptionCombo all | grep -c -e \(combos[0]) -e \(combos[1]))
      echo $(( $(wc -l < all) - $(wc -l < values) - expected )); jq ".withoutID - $expected" summary; (( expected > 100 )) && echo many
      d2-push --url $DST --id-scheme CODE --quiet < values > /dev/null; echo $?
      \(Self.pull) --id-scheme CODE \(Self.uids) --quiet > values; echo $?
      d2-push --url $DST --id-scheme CODE \(Self.uids) --quiet < values > /dev/null; echo $?
      """)
    #expect(outcome.lines == ["1", "0", "0", "0", "many", "0", "0", "0"], "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("no code at \(world.source.url) of 2 category option combos of these data sets: ")
        && combos.allSatisfy { outcome.errors.contains("\($0) (") }
        && outcome.errors.contains("values left out: the server wrote null as their categoryOptionCombo")
        && outcome.errors.contains("\(Self.uids), here and for d2-push"), "\(outcome.errors)")
    // All of them, and no two became one.
    let sent = Set(
      World.content(world.source).filter { line in
        Country.metadata(units: World.units, seed: 1).elements(of: world.dataSets[0]).contains { line.contains($0) }
      })
    #expect(Set(World.content(world.destination)).isSubset(of: sent))
  }

  @Test("from 2.43 on the server refuses, and the hint says what to do", arguments: ["category", "attribute"])
  func refused(kind: String) throws {
    let world = try World(.v43, values: 600)
    let combo = try Self.combos(world)[0]
    let metadata = Country.metadata(units: World.units, seed: 1)
    let partner = metadata.dataSets[5]
    let attribute = metadata.categoryOptionCombos[metadata.categoryCombos[partner.combo].optionCombos[0]].uid
    try world.source.change(metadata: #"{"categoryOptionCombos":[{"id":"\#(attribute)","code":null}]}"#)
    let set = kind == "category" ? world.dataSets[0] : partner.uid
    let outcome = world.run(
      "d2-pull --url $SRC --data-set \(set) --org-unit $ROOT --children --start-date 2022-01-01 --end-date 2022-12-31 --id-scheme CODE; echo $?; d2-push --explain E8203"
    )
    #expect(outcome.lines.first == "64", "\(outcome.output)")
    #expect(
      outcome.errors.contains(kind == "category" ? "E8203" : "E8204")
        && outcome.errors.contains(kind == "category" ? combo : attribute), "\(outcome.errors)")
    #expect(outcome.output.contains("--category-option-combo-id-scheme UID"), "\(outcome.output)")
  }

  @Test("units without a code are counted and named; registrations too; an attribute that nobody has leaves nothing")
  func units() throws {
    let world = try World(values: 1500)
    let unit = Country.metadata(units: World.units, seed: 1).organisationUnits.first { $0.level == 5 }!.uid
    try world.source.change(metadata: #"{"organisationUnits":[{"id":"\#(unit)","code":null}]}"#)
    let outcome = world.run(
      """
      \(Self.pull) --quiet > all; \(Self.pull) --id-scheme CODE > values; echo $?
      echo $(( $(wc -l < all) - $(wc -l < values) - $(grep -c \(unit) all) ))
      curl -sf -o /dev/null -u admin:district -H 'Content-Type: application/json' "$SRC/api/completeDataSetRegistrations" -d \
        '{"completeDataSetRegistrations":[{"dataSet":"'${DS%%,*}'","period":"202203","organisationUnit":"\(unit)"},{"dataSet":"'${DS%%,*}'","period":"202203","organisationUnit":"'$ROOT'"}]}'
      \(Self.pull) --registrations --id-scheme CODE | jq -r .organisationUnit; echo ${PIPESTATUS[0]}
      \(Self.pull) --id-scheme ATTRIBUTE:abcdefghijk --data-set-id-scheme UID --quiet; echo $?
      """)
    #expect(outcome.lines == ["1", "0", "LAND", "1", "1"], "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("values left out: the server wrote null as their orgUnit")
        && outcome.errors.contains("\(unit) (") && outcome.errors.contains("1 registration left out"),
      "\(outcome.errors)")
  }
}
