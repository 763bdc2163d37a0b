import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Expired periods, and units that may enter data of them all the same.
@Suite("lock exceptions", .waiting)
struct LockExceptionTests {
  @Test("an expired period is refused only for units without a lock exception, in few requests")
  func exceptions() throws {
    let world = try World(.v43, .v43, values: 0)
    let set = world.metadata.dataSets[0]
    let element = world.metadata.dataElements.first { $0.name == "Visits 1" }!
    let combo = world.metadata.categoryOptionCombos[world.metadata.categoryCombos[element.combo].optionCombos[0]].uid
    let units = set.units.prefix(12).map { world.metadata.organisationUnits[$0].uid }
    try world.change(
      destination: """
        {"dataSets":[{"id":"\(set.uid)","expiryDays":10}],
         "lockExceptions":[{"dataSet":{"id":"\(set.uid)"},"organisationUnit":{"id":"\(units[3])"},"period":"202201"}]}
        """)
    world.destination.restrict(user: "admin", authorities: ["F_DATAVALUE_ADD"])
    let lines = units.map {
      #"{"dataElement":"\#(element.uid)","period":"202201","orgUnit":"\#($0)","#
        + #""categoryOptionCombo":"\#(combo)","value":"5"}"#
    }
    world.shell.write("values", lines.joined(separator: "\n") + "\n")
    let outcome = world.run(
      """
      d2-push --url $DST --data-set \(set.uid) --rejects rejects --summary summary < values > /dev/null; echo $?
      jq -r .errorCode rejects | sort | uniq -c | xargs echo; jq -c '[.imported + .updated, .refused]' summary
      d2-pull --url $DST --data-set \(set.uid) --org-unit $ROOT --children --period 202201 --quiet | jq -r .orgUnit
      """)
    #expect(outcome.lines == ["1", "11 E8030", "[1,11]", units[3]], "\(outcome.output)\(outcome.errors)")
    let posts = (world.destination.statistics["recent"]?.array ?? [])
      .compactMap { $0["target"]?.string }.filter { $0.hasPrefix("/api/dataValueSets") && !$0.contains("orgUnit=") }
    #expect(posts.count == 2, "\(posts)")
  }
}
