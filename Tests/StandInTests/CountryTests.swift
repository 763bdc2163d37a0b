import D2Common
import Testing

@testable import StandInServer

/// Made-up countries, their values, and the periods of all types.
@Suite struct CountryTests {
  @Test func aCountryDependsOnItsSeedAlone() throws {
    let first = try SmallServer(values: 500).standIn.values
    #expect(try SmallServer(values: 500).standIn.values == first)
    #expect(try SmallServer(values: 500) { $0.seed = 2 }.standIn.values != first)
  }

  @Test func itHasUnitsOnFiveLevelsAndEveryKindOfSet() {
    let metadata = Country.metadata(units: 1000, seed: 1)
    #expect(metadata.organisationUnits.count == 1000)
    #expect(Set(metadata.organisationUnits.map(\.level)) == [1, 2, 3, 4, 5])
    #expect(Set(metadata.organisationUnits.map(\.uid)).count == 1000)
    #expect(metadata.organisationUnits.filter { $0.parent == nil }.count == 1)
    let types = Set(metadata.dataSets.map(\.periodType))
    #expect(types == [.monthly, .quarterly, .yearly, .weekly, .daily])
    #expect(metadata.organisationUnits.contains { $0.code == nil })
    #expect(metadata.organisationUnits.contains { $0.name.contains("\"") })
  }

  @Test func itsValuesPassEveryRuleOfAnImport() {
    let metadata = Country.metadata(units: 300, seed: 3)
    var store = ValueStore()
    CountryValues.fill(&store, metadata, count: 20_000, years: 2021...2023, seed: 3, now: 1_760_000_000_000)
    #expect(store.rows.count == 20_000)
    for row in store.rows {
      let element = metadata.dataElements[Int(row.key.element)]
      #expect(ValueTypeRules.check(row.value!, type: element.valueType, .v43) == nil)
    }
    #expect(store.rows.contains { $0.isDeleted } && store.rows.contains { $0.comment >= 0 })
  }

  @Test(arguments: [
    ("202402", "2024-02-01", "2024-02-29"), ("2024Q2", "2024-04-01", "2024-06-30"),
    ("2024", "2024-01-01", "2024-12-31"),
    ("2024W1", "2024-01-01", "2024-01-07"), ("2021W1", "2021-01-04", "2021-01-10"),
    ("20240229", "2024-02-29", "2024-02-29"),
    ("2020BiW2", "2020-01-13", "2020-01-26"), ("202002B", "2020-03-01", "2020-04-30"),
    ("2024S2", "2024-07-01", "2024-12-31"),
    ("2024AprilS2", "2024-10-01", "2025-03-31"), ("2024NovS1", "2023-11-01", "2024-04-30"),
    ("2024NovQ1", "2023-11-01", "2024-01-31"), ("2024April", "2024-04-01", "2025-03-31"),
    ("2024Nov", "2023-11-01", "2024-10-31"), ("2024SunW1", "2023-12-31", "2024-01-06"),
  ])
  func periodsHaveTheirDates(_ id: String, _ start: String, _ end: String) {
    let period = PeriodParser.parse(id, .v43)
    #expect(period?.id == id && period?.start.description == start && period?.end.description == end)
  }

  @Test(arguments: ["202413", "2024Q5", "2024W54", "20240230", "nonsense", "", "2024X", "2021W53"])
  func whatIsNoPeriodIsRefused(_ id: String) { #expect(PeriodParser.parse(id, .v43) == nil) }

  @Test(arguments: [
    // A 53rd week that does not exist, one that exists, and one of a year whose 1 January lies in another's 53rd week.
    ("2021W53", "2022W1", nil), ("2020W53", "2020W53", "2020W53"), ("2019SatW53", nil, "2019SatW53"),
    ("2020ThuW53", "2021ThuW1", nil), ("2022WedW53", nil, "2022WedW53"), ("2021WedW53", "2022WedW1", nil),
    ("2020W9", "2020W9", "2020W9"), ("2020W09", "2020W9", "2020W9"), ("2020W+1", nil, nil), ("2020W1A", nil, nil),
    ("2020BiW27", "2020BiW27", "2020BiW27"), ("2022BiW27", nil, nil),
    // Types that came later.
    ("2020Sep", nil, "2020Sep"), ("2020Feb", nil, nil), ("2020FriW1", nil, nil),
  ])
  func versionsReadTheirPeriods(_ id: String, _ in40: String?, _ in42: String?) {
    #expect(PeriodParser.parse(id, .v40)?.id == in40)
    #expect(PeriodParser.parse(id, .v42)?.id == in42)
  }

  @Test func momentsComeBack() {
    #expect(Stamp.zoned(1_700_000_000_123) == "2023-11-14T22:13:20.123+0000")
    #expect(Stamp.parse("2023-11-14T23:13:20.123+01:00") == 1_700_000_000_123)
    #expect(Stamp.parse("yesterday") == nil)
  }
}
