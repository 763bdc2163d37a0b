/// A member of the dimension `dx`, by its position in the metadata.
enum AnalyticsItem: Hashable, Sendable {
  case element(Int)
  /// A data element in one category option combo: `element.combo`.
  case operand(element: Int, combo: Int)
  case indicator(Int)
  case programIndicator(Int)
  /// `dataSet.REPORTING_RATE` and similar items.
  case reportingRate(set: Int, ReportingRate)

  var element: Int? {
    switch self {
    case .element(let element), .operand(let element, _): element
    default: nil
    }
  }

  var isOfElement: Bool { element != nil }
}

/// The figures computed from a data set's registrations.
enum ReportingRate: String, Sendable, CaseIterable {
  case rate = "REPORTING_RATE"
  case rateOnTime = "REPORTING_RATE_ON_TIME"
  case actual = "ACTUAL_REPORTS"
  case actualOnTime = "ACTUAL_REPORTS_ON_TIME"
  case expected = "EXPECTED_REPORTS"

  var isOnTime: Bool { self == .rateOnTime || self == .actualOnTime }
}
