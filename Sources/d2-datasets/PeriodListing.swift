import D2Common

/// Prints the periods of a type that overlap some dates.
enum PeriodListing {
  private static let type = Option(
    "--type", value: "TYPE", help: "A period type by its DHIS2 name: Daily, Weekly, Monthly, FinancialApril …")
  private static let from = Option("--from", as: .date, help: "The first day.")
  private static let to = Option("--to", as: .date, help: "The last day.")

  static let options: [any AnyOption] = [type, from, to, Listing.option]

  static func run(_ arguments: Arguments) throws -> ExitStatus {
    let type = try type(arguments)
    func date(_ option: Option<CalendarDate?>) throws(CommandFailure) -> CalendarDate {
      guard let date = arguments[option] else {
        throw CommandFailure(.usage, "\(option.name) is missing: a date such as 2024-01-31")
      }
      return date
    }
    let (from, to) = try (date(from), date(to))
    guard from <= to else { throw CommandFailure(.usage, "--from \(from) is after --to \(to)") }
    var listing = Listing(arguments)
    for period in type.periods(overlapping: from...to) {
      try listing.add([
        "id": .string(period.id), "start": .string(period.start.description), "end": .string(period.end.description),
      ])
    }
    try listing.finish()
    return .success
  }

  private static func type(_ arguments: Arguments) throws(CommandFailure) -> PeriodType {
    let names = PeriodType.allCases.map(\.rawValue).joined(separator: ", ")
    guard let name = arguments[type] else { throw CommandFailure(.usage, "--type is missing: one of \(names)") }
    guard let type = PeriodType.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else {
      throw CommandFailure(.usage, "--type \(name.quoted): one of \(names)")
    }
    return type
  }
}
