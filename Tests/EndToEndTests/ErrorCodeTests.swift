import D2Common
import TestSupport
import Testing
import WaitingTests

@Suite("Error codes", .waiting)
struct ErrorCodeTests {
  @Test("--explain tells what a code means and what to do, and refuses what is none")
  func explain() {
    let shell = Shell()
    let one = shell.run("d2-push --explain e7641")
    #expect(
      one.lines == [
        "E7641: the period is later than the data set opens for entry.",
        "Wait until it begins, or raise openFuturePeriods of the data set at the destination.",
      ], "\(one.errors)")
    let periods = shell.run("d2-push --explain E8030")
    #expect(periods.output.contains("2.43.0 and 2.43.1 swap the dates of input periods (DHIS2-21981)"))
    let none = shell.run("d2-push --explain E9999")
    #expect(none.status == 64 && none.errors.contains("--explain all lists those"))
  }

  @Test("docs/errors.md is what --explain all says")
  func page() throws {
    let shell = Shell()
    let rows = shell.run(#"d2-push --explain all | awk -F'\t' '{ print "| " $1 " | " $2 " | " $3 " |" }'"#).lines
    let page = String(decoding: try FileBytes.read("\(World.package)/docs/errors.md"), as: UTF8.self)
    let written = page.split(separator: "\n").filter { $0.hasPrefix("| E") }.map(String.init)
    #expect(written == rows, "d2-push --explain all, as rows: docs/errors.md is not up to date")
    #expect(rows.count > 80)
    #expect(Set(rows.map { $0.prefix(7) }).count == rows.count)
  }

  @Test("a refused value has a hint in the rejects, and the run says what its code means")
  func hint() throws {
    let world = try World(values: 0)
    let outcome = world.run(
      """
      unit=$(curl -sf -u admin:district "$SRC/api/organisationUnits?level=5&fields=id&pageSize=1" | jq -r '.organisationUnits[0].id')
      element=$(curl -sf -u admin:district "$SRC/api/dataElements?filter=valueType:eq:NUMBER&fields=id&pageSize=1" | jq -r '.dataElements[0].id')
      printf '{"dataElement":"%s","period":"202201","orgUnit":"%s","value":"many"}\\n' $element $unit | d2-push --url $DST --rejects r > /dev/null; echo $?
      jq -r '[.errorCode, .hint] | @tsv' r
      """)
    #expect(
      outcome.lines == [
        "1", "E7619\tCorrect it in the source or in the rejects file, or change the value type at the destination.",
      ],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("d2-push: E7619 means: the value is not of the data element's type. Correct it"))
  }
}
