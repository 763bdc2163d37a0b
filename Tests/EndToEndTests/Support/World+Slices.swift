import D2Common

/// The slices that tests move: the monthly data set in the first quarter of 2022.
extension World {
  /// Options that plan one slice for each organisation unit and month.
  static let quarterOfMonths = "--data-set MONTH -y 2022 -q 1"

  static func isInQuarterOfMonths(_ value: JSONValue) -> Bool {
    ["202201", "202202", "202203"].contains(value["period"]?.string ?? "")
  }
}
