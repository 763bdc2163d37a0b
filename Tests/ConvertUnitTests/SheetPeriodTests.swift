import D2Common
import Testing

@testable import D2Convert

@Suite("Periods in sheets")
struct SheetPeriodTests {
  @Test(
    "ids stay, dates become the period of the type that begins on them",
    arguments: [
      ("202401", PeriodType.monthly, "202401"), ("2024-01", .monthly, "2024-01"), ("2024Q1", .monthly, "2024Q1"),
      ("Jan-24", .monthly, "202401"), ("jan 2024", .monthly, "202401"), ("January 2024", .monthly, "202401"),
      ("janv.-24", .monthly, "202401"), ("févr.-24", .monthly, "202402"), ("ene-24", .monthly, "202401"),
      ("dez/24", .monthly, "202412"), ("2024-01-01", .monthly, "202401"), ("2024-01-01 00:00:00", .monthly, "202401"),
      ("2024-01-01T00:00:00.000", .monthly, "202401"), ("1/1/2024", .monthly, "202401"),
      ("01.02.2024", .monthly, "202402"), ("2/1/2024", .monthly, "202402"), ("45292", .monthly, "202401"),
      ("01-Jan-2024", .monthly, "202401"), ("Jan-24", .quarterly, "2024Q1"), ("Jan-24", .yearly, "2024"),
      ("2024-01-15", .daily, "20240115"), ("1/15/2024", .daily, "20240115"), ("Nov-98", .monthly, "199811"),
      ("2016-08", .monthly, "2016-08"), ("20160101", .monthly, "20160101"), ("2024W5", .weekly, "2024W5"),
    ])
  func reads(text: String, type: PeriodType, id: String) throws {
    #expect(try SheetPeriod(type: type).id(of: text) == id)
  }

  @Test(
    "refuses texts that are not a period or a first day, or could be two days",
    arguments: [
      ("Feb-24", PeriodType?.some(.quarterly), "is not the first day of a period of the type Quarterly"),
      ("2024-01-15", .monthly, "is not the first day"), ("01/02/2024", .daily, "it is not clear"),
      ("Jan-24", nil, "is a date, which spreadsheets make of periods"), ("45292", nil, "is a date"),
      ("2024-01-01", nil, "is a date"), ("1/1/2024", nil, "is a date"), ("total", .monthly, "is not a period"),
      ("", .monthly, "is not a period"), ("31/02/2024", .monthly, "is not a period"),
      ("2.02E+05", .monthly, "is not a period"),
    ])
  func refuses(text: String, type: PeriodType?, says: String) {
    #expect { try SheetPeriod(type: type).id(of: text) } throws: { "\($0)".contains(says) }
  }
}
