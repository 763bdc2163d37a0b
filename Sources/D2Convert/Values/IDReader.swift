import D2Common

/// Reads what people write instead of an id.
package struct IDReader {
  private let lookup: (any IDLookup)?
  private let periodType: PeriodType?

  /// - Parameters:
  ///   - lookup: finds ids by names and codes; `nil` if the input contains only ids.
  ///   - periodType: the type of periods that are written as dates.
  package init(lookup: (any IDLookup)?, periodType: PeriodType?) {
    self.lookup = lookup
    self.periodType = periodType
  }

  /// Whether a text may be a name or a code.
  var looksUp: Bool { lookup != nil }

  /// The id that a text is or means. Ids of data sets are never looked up.
  package func id(of text: String, _ field: ValueField) throws(LookupFault) -> String {
    switch field {
    case .period:
      do throws(SheetPeriod.Fault) { return try SheetPeriod(type: periodType).id(of: text) } catch {
        throw LookupFault(error.description)
      }
    case .dataSet: return text
    default: return try lookup?.id(of: text, field) ?? text
    }
  }
}
