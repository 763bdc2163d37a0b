import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-datasets", .waiting)
struct DataSetsTests {
  private static let sync = "d2-datasets sync --pair hmis"
  private static let list = "d2-datasets list --pair hmis"

  private static func sets(_ list: String...) -> String { #"{"dataSets":[\#(list.joined(separator: ","))]}"# }

  @Test("sync takes over, a second one writes nothing; changes are told", arguments: StoreKind.available)
  func sync(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let sets = world.metadata.dataSets
    let first = world.run("\(Self.sync) | jq -r .change | sort | uniq -c | tr -s ' '")
    #expect(first.lines == [" 6 added"] && first.errors.contains("6 rows written"), "\(first.errors)")
    let stored = try world.store.rows(
      "SELECT dataset_id, dataset_name, dataset_code, reporting_frequency, open_future_periods FROM sync_datasets ORDER BY dataset_id"
    )
    let expected = sets.sorted { $0.uid < $1.uid }.map {
      "\($0.uid)|\($0.name)|\($0.code!)|\($0.periodType.rawValue)|1"
    }
    #expect(stored == expected)
    let before = try world.storeContent()
    let again = world.run("\(Self.sync); echo $?")
    #expect(again.lines == ["0"] && again.errors.contains("no change; 0 rows written"), "\(again.errors)")
    #expect(try world.storeContent() == before)

    world.run("d2-datasets disable --pair hmis \(sets[4].uid)")
    try world.change(
      source: Self.sets(
        #"{"id":"\#(sets[0].uid)","name":"Monthly, \"new\" 🏥\nline"}"#,
        #"{"id":"\#(sets[1].uid)","periodType":"SixMonthlyNov"}"#, #"{"id":"\#(sets[2].uid)","removed":true}"#,
        #"{"id":"\#(sets[3].uid)","openFuturePeriods":3,"code":null}"#, #"{"id":"NewSet00001","name":"Added"}"#))
    let changed = world.run("\(Self.sync) > lines; jq -c '[.change, .id]' lines | sort; \(Self.sync) | wc -l")
    let changes = [
      #"["renamed","\#(sets[0].uid)"]"#, #"["periodTypeChanged","\#(sets[1].uid)"]"#, #"["removed","\#(sets[2].uid)"]"#,
      #"["changed","\#(sets[3].uid)"]"#, #"["added","NewSet00001"]"#,
    ]
    #expect(changed.lines == changes.sorted() + ["0"], "\(changed.output)\(changed.errors)")
    try world.change(source: Self.sets(#"{"id":"\#(sets[2].uid)"}"#))
    let back = world.run(
      "\(Self.sync) | jq -r .change; \(Self.list) --active | wc -l; \(Self.list) | jq -c 'select(.active | not) | [.id, .removed]'"
    )
    #expect(back.lines == ["returned", "6", #"["\#(sets[4].uid)",false]"#], "\(back.output)\(back.errors)")
    let formats = world.run(
      """
      say row "$(\(Self.list) --format tsv | grep \(sets[0].uid) | cut -f1-3)"
      say heading $(\(Self.list) --format table | head -1 | cut -c1-3)
      """)
    #expect(
      formats.output == "row=\(sets[0].uid)\tMonthly, \"new\" 🏥\\nline\tMonthly\nheading=ID\n", "\(formats.errors)")
  }

  @Test("a change that is rolled back prints no line: lines come after the commit", arguments: StoreKind.available)
  func rolledBack(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let set = world.metadata.dataSets.map(\.uid).max()!
    let refusal =
      kind == .sqlite
      ? "CREATE TRIGGER no BEFORE INSERT ON sync_datasets WHEN NEW.dataset_id = '\(set)' BEGIN SELECT RAISE(ABORT, 'no'); END"
      : "ALTER TABLE sync_datasets ADD CONSTRAINT no CHECK (dataset_id <> '\(set)')"
    try world.store.connect().execute(refusal)
    let before = try world.storeContent()
    let failed = world.run("\(Self.sync) > lines; echo $?; wc -c < lines")
    #expect(failed.lines.first != "0" && failed.lines.last == "0", "\(failed.output)\(failed.errors)")
    #expect(try world.storeContent() == before)
  }

  @Test("some only, by uid, code and name with commas", arguments: StoreKind.available)
  func some(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let sets = world.metadata.dataSets
    try world.change(
      source: Self.sets(
        #"{"id":"\#(sets[0].uid)","name":"Malaria, TB and HIV"}"#, #"{"id":"\#(sets[1].uid)","name":"Twin"}"#,
        #"{"id":"\#(sets[2].uid)","name":"Twin"}"#))
    let outcome = world.run(
      """
      \(Self.sync) --data-set 'Malaria, TB and HIV' --data-set DAY,WEEK | jq -r .id | sort | tr '\\n' ' '; echo
      \(Self.sync) --data-set Twin; echo $?; \(Self.sync) --data-set Nothing; echo $?
      \(Self.sync) | wc -l; \(Self.list) | wc -l; \(Self.sync) --all | wc -l; \(Self.list) | wc -l; \(Self.sync) | wc -l
      """)
    let chosen = [0, 3, 4].map { sets[$0].uid }.sorted().joined(separator: " ") + " "
    #expect(outcome.lines == [chosen, "64", "64", "0", "3", "3", "6", "0"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("2 data sets are called \"Twin\"") && outcome.errors.contains("(Yearly)"))
  }

  @Test("set, mark, enable, disable", arguments: StoreKind.available)
  func settings(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let sets = world.metadata.dataSets
    let outcome = world.run(
      """
      \(Self.sync) > /dev/null
      d2-datasets set --pair hmis --include-deleted on MONTH 'Daily stock'; \(Self.list) | jq -r 'select(.includeDeleted) | .id' | sort | tr '\\n' ' '; echo
      d2-datasets set --pair hmis --include-deleted on all; d2-datasets set --pair hmis --include-deleted off MONTH; \(Self.list) | grep -c '"includeDeleted":true'
      d2-datasets disable --pair hmis YEAR,WEEK; \(Self.list) --active | wc -l
      d2-datasets mark --pair hmis --synced-through 2024-01-31T06:00:00Z all; d2-datasets mark --pair hmis --synced-through 2024-02-29 MONTH
      \(Self.list) | jq -r .syncedThrough | sort | uniq -c | tr -s ' '
      \(Self.sync) | wc -l; \(Self.list) | grep -c '"syncedThrough":"2024'
      d2-datasets mark --pair hmis --synced-through never MONTH; \(Self.list) | grep -c '"syncedThrough":"2024'
      d2-datasets enable --pair hmis YEAR; \(Self.list) --active | wc -l
      for options in "mark --synced-through soon all" "mark --synced-through 2999-01-01 all" "mark MONTH" "set MONTH" "set --include-deleted maybe MONTH" "set --include-deleted on" "disable NONE"; do
        d2-datasets ${options%% *} --pair hmis ${options#* }; echo $?
      done
      """)
    #expect(
      outcome.lines == [
        [sets[0].uid, sets[4].uid].sorted().joined(separator: " ") + " ", "5", "4", " 3 2024-01-31T06:00:00Z",
        " 1 2024-02-29T00:00:00Z", " 2 null", "0", "4", "3", "5", "64", "64", "64", "64", "64", "64", "64",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("lies in the future"))
  }

  @Test(
    "check finds each difference of the destination, and no other", arguments: [StandInServer.ServerVersion.v42, .v43])
  func check(version: StandInServer.ServerVersion) throws {
    let world = try World(pairIn: .sqlite, .v42, version)
    let metadata = world.metadata
    let sets = metadata.dataSets
    let elements = metadata.elements(of: sets[0].uid)
    let check = "d2-datasets check --pair hmis"
    let none = world.run("\(check); echo $?; \(Self.sync) > /dev/null; \(check); echo $?")
    #expect(none.lines == ["64", "0"], "\(none.output)\(none.errors)")

    let sexed = metadata.dataElements.first { $0.uid == elements[0] }!
    let combo = metadata.categoryCombos[sexed.combo]
    let options = combo.optionCombos.map { metadata.categoryOptionCombos[$0].uid }
    let units = sets[1].units.map { metadata.organisationUnits[$0].uid }
    try world.change(destination: Self.otherMetadata(sets, elements, units, comboUID: combo.uid, option: options[0]))
    let outcome = world.run(
      """
      d2-orgunits sync --pair hmis > /dev/null; d2-orgunits disable --pair hmis \(units[1])
      \(check) > lines; echo $?; jq -r '[.object, .problem, .id] | @tsv' lines | sort -u
      """)
    let found = Set(outcome.lines.dropFirst())
    var expected: Set<String> = [
      "dataSet\totherCode\t\(sets[0].uid)", "dataSet\totherName\t\(sets[0].uid)", "dataSet\tmissing\t\(sets[2].uid)",
      "dataSet\totherPeriodType\t\(sets[3].uid)", "dataSet\totherCategoryCombo\t\(sets[5].uid)",
      "dataElement\tnotInDataSet\t\(elements[2])", "dataElement\totherCode\t\(elements[3])",
      "dataElement\totherValueType\t\(elements[4])", "dataElement\totherCategoryCombo\t\(elements[5])",
      "dataElement\tmissing\t\(elements[6])", "organisationUnit\tnotAssigned\t\(units[0])",
    ]
    // The element whose combo is another lacks that one's option combos, too.
    for option in options { expected.insert("categoryOptionCombo\tmissing\t\(option)") }
    for option in metadata.categoryCombos[sets[5].combo].optionCombos {
      expected.insert("categoryOptionCombo\tmissing\t\(metadata.categoryOptionCombos[option].uid)")
    }
    if version.minor >= 43 { expected.insert("dataElement\tinSeveralDataSets\t\(elements[0])") }
    #expect(outcome.lines.first == "1")
    let (more, less) = (found.subtracting(expected), expected.subtracting(found))
    #expect(more.isEmpty && less.isEmpty, "more: \(more.sorted()) less: \(less.sorted()) \(outcome.errors)")
    try checkSome(world, check)
  }

  /// Metadata that differ from the source's in each way that a check tells.
  private static func otherMetadata(
    _ sets: [StandInServer.DataSet], _ elements: [String], _ units: [String], comboUID: String, option: String
  ) -> String {
    let rest = units.dropFirst(2).map { #"{"id":"\#($0)"}"# }.joined(separator: ",")
    // Without the third element; the seventh is no longer there at all.
    let kept = elements.enumerated().filter { $0.offset != 2 }.map { #"{"dataElement":{"id":"\#($0.element)"}}"# }
    let twice = #"{"dataElement":{"id":"\#(elements[0])"}}"#
    return """
      {"categoryCombos":[{"id":"\(comboUID)","categoryOptionCombos":[{"id":"\(option)"}]}],
       "dataElements":[{"id":"\(elements[3])","code":"other"},{"id":"\(elements[4])","valueType":"TEXT"},
         {"id":"\(elements[5])","categoryCombo":{"id":"bjDvmb4bfuf"}},{"id":"\(elements[6])","removed":true}],
       "dataSets":[
         {"id":"\(sets[0].uid)","code":"other","name":"Other","dataSetElements":[\(kept.joined(separator: ","))]},
         {"id":"\(sets[1].uid)","organisationUnits":[\(rest)]},{"id":"\(sets[2].uid)","removed":true},
         {"id":"\(sets[3].uid)","periodType":"WeeklySunday"},
         {"id":"\(sets[5].uid)","categoryCombo":{"id":"bjDvmb4bfuf"}},
         {"id":"NewSet00001","dataSetElements":[\(twice)]}]}
      """
  }

  /// Checks of single data sets, by their names; of none; and of one that the source lacks.
  private func checkSome(_ world: World, _ check: String) throws {
    let sets = world.metadata.dataSets
    let one = world.run("\(check) --data-set 'Weekly surveillance' | jq -r .problem; \(check) --data-set DAY; echo $?")
    #expect(one.lines == ["otherPeriodType", "0"], "\(one.output)\(one.errors)")
    for nothing in ["", ","] {
      let none = world.run("\(check) --data-set '\(nothing)'; echo $?")
      #expect(none.output == "64\n", "\(none.errors)")
      #expect(none.errors == "d2-datasets: --data-set names no data set\n")
    }
    try world.change(source: Self.sets(#"{"id":"\#(sets[4].uid)","removed":true}"#))
    let gone = world.run("\(check) --data-set DAY | jq -r .problem")
    #expect(gone.lines == ["missingAtSource"], "\(gone.output)\(gone.errors)")
  }

  @Test("a server that fails, or shows nothing, leaves the store as it was", arguments: StoreKind.available)
  func faults(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    world.run("\(Self.sync) > /dev/null")
    let before = try world.storeContent()
    try world.fail(source: #"{"kind":"status","status":502,"path":"/api/dataSets","times":0}"#)
    #expect(world.run("\(Self.sync) --retries 1").status == 75)
    world.source.clearFaults()
    try world.fail(source: #"{"kind":"html-in-middle","path":"/api/dataSets"}"#)
    let page = world.run("\(Self.sync) --retries 0")
    #expect([75, 76].contains(page.status), "\(page.status) \(page.errors)")
    let wrong = world.run(Self.sync, ["SOURCE_PASSWORD": "wr0ng"])
    #expect(wrong.status == 77 && !wrong.errors.contains("wr0ng"), "\(wrong.errors)")
    try world.change(
      source: Self.sets(world.metadata.dataSets.map { #"{"id":"\#($0.uid)","removed":true}"# }.joined(separator: ",")))
    let none = world.run(Self.sync)
    #expect(none.status == 1 && none.errors.contains("nothing was written"), "\(none.errors)")
    #expect(try world.storeContent() == before)
  }

  @Test("periods prints ids with their days, without any store")
  func periods() throws {
    let shell = Shell(["D2_STORE": "/no/such"])
    let outcome = shell.run(
      """
      d2-datasets periods --type weekly --from 2024-01-01 --to 2024-01-14 --format tsv
      d2-datasets periods --type FinancialApril --from 2024-03-31 --to 2024-04-01 | jq -r .id
      for o in "--type Weekli --from 2024-01-01 --to 2024-01-01" "--type Weekly --from 2024-01-01" "--type Weekly --from 2024-02-30 --to 2024-03-01" "--type Weekly --from 2024-02-01 --to 2024-01-01" "--from 2024-02-01 --to 2024-01-01"; do
        d2-datasets periods $o; echo $?
      done
      """)
    #expect(
      outcome.lines == [
        "id\tstart\tend", "2024W1\t2024-01-01\t2024-01-07", "2024W2\t2024-01-08\t2024-01-14", "2023April", "2024April",
        "64", "64",
        "64", "64", "64",
      ], "\(outcome.output)\(outcome.errors)")
  }
}
