import D2Common

/// Prints the periods of a type that overlap some dates.
enum PeriodListing {
  static func run(_ arguments: Arguments) throws -> ExitStatus {
    let type = try type(arguments)
    func date(_ option: String) throws(CommandFailure) -> CalendarDate {
      guard let text = arguments.string(option) else {
        throw CommandFailure(.usage, "\(option) is missing: a date such as 2024-01-31")
      }
      guard let date = CalendarDate(iso8601: text) else {
        throw CommandFailure(.usage, "\(option) \"\(text)\": a date such as 2024-01-31")
      }
      return date
    }
    let (from, to) = (try date("--from"), try date("--to"))
    guard from <= to else { throw CommandFailure(.usage, "--from \(from) is after --to \(to)") }
    var listing = try Listing(arguments, columns: ["id", "start", "end"])
    for period in type.periods(overlapping: from...to) {
      try listing.add([
        "id": .string(period.id), "start": .string(period.start.description), "end": .string(period.end.description),
      ])
    }
    try listing.finish()
    return .success
  }

  private static func type(_ arguments: Arguments) throws(CommandFailure) -> PeriodType {
    let names = PeriodType.allCases.map(\.rawValue)
    guard let name = arguments.string("--type") else {
      throw CommandFailure(.usage, "--type is missing: one of \(names.joined(separator: ", "))")
    }
    guard let type = PeriodType.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else {
      throw CommandFailure(.usage, "--type \"\(name)\": one of \(names.joined(separator: ", "))")
    }
    return type
  }
}
