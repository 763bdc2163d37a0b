import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Data items of which real servers answer, or refuse, in ways of their own.
@Suite("analytics: data items", .waiting)
struct AnalyticsItemsTests {
  /// Two data elements with the same combos, and names of their uids and of two combos and an attribute option combo.
  private static func world(
    _ version: StandInServer.ServerVersion = .v42
  ) throws -> (world: World, ids: [String: String], combo: String) {
    let world = try World(version, values: 9000, changeSource: { $0.analyticsSecondsAgo = 60 })
    let metadata = world.metadata
    let elements = metadata.dataSets[0].elements.map { metadata.dataElements[$0] }.filter(\.isAggregated)
    let first = try #require(elements.first { metadata.categoryCombos[$0.combo].optionCombos.count > 3 })
    let second = try #require(elements.first { $0.combo == first.combo && $0.uid != first.uid })
    let combos = metadata.categoryCombos[first.combo].optionCombos.map { metadata.categoryOptionCombos[$0].uid }
    let ids = [
      "ONE": first.uid, "TWO": second.uid, "C1": combos[0], "C2": combos[1], "MONTH": metadata.dataSets[0].uid,
      "VISITS": metadata.dataElements.first { $0.name == "Visits 1" }!.uid,
      "LITRES": metadata.dataElements.first { $0.name.hasPrefix("Litres used") }!.uid,
      "UNIT": metadata.organisationUnits[metadata.dataSets[0].units[0]].uid,
    ]
    return (world, ids, metadata.categoryCombos[first.combo].uid)
  }

  @Test(
    "data elements with one combo each: only these pairs, as the server sums them",
    arguments: [StandInServer.ServerVersion.v40, .v43])
  func operands(version: StandInServer.ServerVersion) throws {
    let (world, ids, _) = try Self.world(version)
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --analytics --org-unit $ROOT --level 2,3 --period 2022,202203 --quiet"
      # A server that is asked for both pairs at once refuses.
      curl -s -o refused -w '%{http_code}\\n' -u admin:district "$SRC/api/analytics/dataValueSet.json?dimension=dx:$ONE.$C1;$TWO.$C2&dimension=ou:LEVEL-2&dimension=pe:2022"
      jq -r .message refused
      $pull --data-element $ONE.$C1,$TWO.$C2,$ONE.$C2,$VISITS | jq -cS . | sort > some; echo ${PIPESTATUS[0]}
      ask() { curl -sf -u admin:district "$SRC/api/analytics/dataValueSet.json?dimension=ou:LEVEL-2;LEVEL-3&dimension=pe:2022;202203&$1" | jq -cS '.dataValues[] | del(.created, .lastUpdated, .comment)'; }
      (ask "dimension=dx:$ONE.$C1;$ONE.$C2"; ask "dimension=dx:$TWO.$C2"; ask "dimension=dx:$VISITS") | sort | cmp - some && [ -s some ] && echo same
      $pull --data-element $ONE.$C1,$ONE.abcdefghijk > known; echo $?; jq -r .categoryOptionCombo known | sort -u
      """, ids)
    #expect(
      outcome.lines == ["400", "Dimensional item cannot be null", "0", "same", "1", ids["C1"]!],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("--data-element abcdefghijk: unknown to"), "\(outcome.errors)")
  }

  @Test("an attribute option combo behind the combo is kept")
  func attributes() throws {
    let (world, ids, _) = try Self.world()
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --analytics --org-unit $ROOT --period 2022 --quiet"
      $pull --data-element $ONE --disaggregate > all
      ao=$(jq -r .attributeOptionCombo all | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
      jq -cS --arg ao $ao --arg c $C1 'select(.attributeOptionCombo == $ao and .categoryOptionCombo == $c)' all | sort > should
      $pull --data-element $ONE.$C1.$ao | jq -cS . | sort | cmp - should && [ -s should ] && echo same
      $pull --data-element "$ONE.*.$ao" | jq -c '[.categoryOptionCombo, .attributeOptionCombo == "'$ao'", (.value | tonumber)]' > total
      jq -s -c --arg ao $ao '[null, true, (map(select(.attributeOptionCombo == $ao) | .value | tonumber) | add)]' all | cmp - total && echo total
      """, ids)
    #expect(outcome.lines == ["same", "total"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("data elements whose category combo skips totals are named, and come with their combos")
  func withoutTotals() throws {
    let (world, ids, combo) = try Self.world()
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --analytics --org-unit $ROOT --level 3 --period 2022"
      $pull --data-set $MONTH --disaggregate --quiet | jq -cS . | sort > before
      $pull --data-set $MONTH --quiet | jq -r .dataElement | sort -u > elements
      curl -sf -o /dev/null "$SRC/control/metadata" -d '{"categoryCombos":[{"id":"\(combo)","skipTotal":true}]}'
      $pull --data-set $MONTH | jq -r .dataElement | sort -u > left; echo ${PIPESTATUS[0]}
      comm -13 left elements | grep -cx -e $ONE -e $TWO; [ -s left ] && echo others
      $pull --data-element $ONE,$VISITS --quiet | jq -r .dataElement | sort -u; echo ${PIPESTATUS[0]}
      $pull --data-set $MONTH --disaggregate --quiet | jq -cS . | sort > after; cmp before after && [ -s after ] && echo same
      $pull --data-set $MONTH --quiet --end-line > open; echo $? $(grep -c '"end"' open)
      $pull --data-set $MONTH --quiet --end-line --disaggregate | grep -c '"end"'
      $pull --data-element $ONE.$C1,$TWO.$C2 --quiet | jq -c '[.dataElement, .categoryOptionCombo]' | sort -u | wc -l
      """, ids)
    #expect(
      outcome.lines == ["0", "2", "others", ids["VISITS"]!, "1", "same", "1 0", "0", "2"],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("left out of the groups and data sets"), "\(outcome.errors)")
    #expect(
      outcome.errors.contains("--data-element \(ids["ONE"]!): their category combo skips totals"),
      "\(outcome.errors)")
  }

  @Test("large numbers come without an exponent, and go into another server")
  func largeNumbers() throws {
    let (world, ids, _) = try Self.world()
    func value(_ text: String, _ period: String) -> String {
      let combo = world.metadata.dataElements.first { $0.uid == ids["LITRES"] }!.combo
      let option = world.metadata.categoryOptionCombos[world.metadata.categoryCombos[combo].optionCombos[0]].uid
      return
        #"{"dataElement":"\#(ids["LITRES"]!)","period":"\#(period)","orgUnit":"\#(ids["UNIT"]!)","categoryOptionCombo":"\#(option)","attributeOptionCombo":"HllvX50cXC0","value":"\#(text)"}"#
    }
    try world.source.load(values: [value("12345678.5", "202301"), value("0.00025", "202302")].joined(separator: "\n"))
    world.source.runAnalytics()
    let outcome = world.run(
      """
      ask="$SRC/api/analytics/dataValueSet.json?dimension=dx:$LITRES&dimension=ou:$UNIT&dimension=pe:202301;202302"
      curl -sf -u admin:district "$ask&skipRounding=true" | jq -r '.dataValues[].value' | sort
      d2-pull --url $SRC --analytics --data-element $LITRES --org-unit $UNIT --period 202301,202302 --skip-rounding --quiet > lines
      jq -r .value lines | sort; d2-push --url $DST --quiet < lines > /dev/null; echo $?
      """, ids)
    #expect(
      outcome.lines == ["1.23456785E7", "2.5E-4", "0.00025", "12345678.5", "0"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("a filter with items of another dimension is refused: the server would sum everything")
  func filters() throws {
    let (world, ids, _) = try Self.world()
    let option = world.metadata.categoryOptions[0].uid
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --analytics --data-element $ONE --org-unit $ROOT --period 2022"
      $pull --filter ao:$OPTION; echo $?
      $pull --filter ao:$C1 > none; echo $? $(wc -l < none)
      """, ids.merging(["OPTION": option]) { $1 })
    #expect(outcome.lines == ["64", "0 0"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("--filter: \(option) is unknown in ao at"), "\(outcome.errors)")
    #expect(outcome.errors.contains("no values: either nothing matches --filter, or the tables"), "\(outcome.errors)")
  }

  @Test("--skip-rounding is not for whole numbers, which it would cut")
  func rounding() throws {
    let (world, ids, _) = try Self.world()
    let outcome = world.run(
      """
      d2-pull --url $SRC --analytics --data-element $VISITS,$LITRES --org-unit $ROOT --period 2022 --skip-rounding --quiet --explain |
        jq -r '[(.url | test("skipRounding")), (.url | test(env.VISITS)), (.url | test(env.LITRES))] | @csv' | sort
      """, ids)
    #expect(
      outcome.lines == ["false,true,false", "true,false,true"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("a user who may not view a unit is refused: 77")
  func access() throws {
    let (world, ids, _) = try Self.world()
    let message = "User: `reader` is not allowed to view org unit: `\(world.root)`"
    let body =
      #"{"httpStatus":"Conflict","httpStatusCode":409,"status":"ERROR","message":"\#(message)","errorCode":"E7120"}"#
    let fault: JSONValue = [
      "kind": "status", "path": "/api/analytics", "status": 409, "type": "application/json", "body": .string(body),
      "times": 0,
    ]
    try world.fail(source: fault.text)
    let outcome = world.run(
      "d2-pull --url $SRC --analytics --data-element $ONE --org-unit $ROOT --period 2022; echo $?", ids)
    #expect(outcome.lines == ["77"], "\(outcome.output)\(outcome.errors)")
  }
}
