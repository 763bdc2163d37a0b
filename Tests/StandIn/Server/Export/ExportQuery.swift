import D2Common

/// The data values that an export requests, with ids resolved.
struct ExportQuery: Sendable {
  var elements: Set<Int32> = []
  /// Positions in the table of periods; `nil` if no periods are requested by id.
  var periods: [Int32]?
  var start: Int?
  var end: Int?
  var units: Set<Int32> = []
  /// Subtrees, as ranges of `enter`.
  var subtrees: [Range<Int>] = []
  var attributeCombos: Set<Int32> = []
  /// From 2.43 on: the only option combos, and the only level of units.
  var optionCombos: Set<Int32> = []
  var level: Int?
  var includeDeleted = false
  /// A local time of the server.
  var updatedSince: Int64?
  var localTime = LocalTime.utc
  var limit: Int?
  var offset = 0
  var order: String?
  /// Rows of these are left out without a word.
  var hiddenAttributeCombos: Set<Int32> = []

  /// The members at the top of the document, in order.
  var header: [JSONValue.Member] = []
  /// Whether 2.43 writes these keys once at the top, and not in the values.
  var hoistsPeriod = false
  var hoistsUnit = false
  var hoistsAttributeCombo = false

  var elementScheme = IdScheme.uid
  var unitScheme = IdScheme.uid
  var optionComboScheme = IdScheme.uid
  var attributeComboScheme = IdScheme.uid
}

/// Why an export is refused.
enum ExportRefusal: Error {
  /// The parameters do not form a query: 409 with a code.
  case conflict(code: String, text: String)
  /// A malformed parameter: 400.
  case malformed(String)
  /// 2.39 to 2.42 have opened the stream already: 200 without any byte.
  case silent
}

/// Parses the parameters of all exports: `yyyy-MM-dd` dates, durations, numbers.
struct ExportParameters {
  let request: Request

  func date(_ name: String) throws(ExportRefusal) -> Int64? {
    guard let text = request.first(name), !text.isEmpty else { return nil }
    if let moment = Stamp.parse(text) { return moment }
    let good = ExportParameters.goodPrefix(text)
    let malformed = good.isEmpty ? "" : " is malformed at \"\(text.dropFirst(good.count))\""
    throw .malformed("Value '\(text)' is not valid for parameter \(name). Invalid format: \"\(text)\"\(malformed)")
  }

  /// The same for times, including their zone.
  func moment(_ name: String, _ localTime: LocalTime) throws(ExportRefusal) -> Int64? {
    guard try date(name) != nil else { return nil }
    return request.first(name).flatMap { localTime.moment(of: $0) }
  }

  /// The part that the date parser accepts.
  private static func goodPrefix(_ text: String) -> String {
    String(text.prefix { $0.isNumber || $0 == "-" })
  }

  /// `<n>d|h|m|s` in milliseconds; `nil` for other texts.
  static func duration(_ text: String) -> Int64? {
    guard let unit = text.last, let number = Int64(text.dropLast()), number > 0 else { return nil }
    switch unit {
    case "d": return number * 86_400_000
    case "h": return number * 3_600_000
    case "m": return number * 60_000
    case "s": return number * 1000
    default: return nil
    }
  }
}
