import D2Common

/// `/api/systemSettings`: the few that matter to data clients. Every user may read them.
struct SystemSettings {
  private var values = ["analyticsFinancialYearStart": "FINANCIAL_YEAR_OCTOBER", "analyticsWeeklyStart": "WEEKLY"]

  /// Applies the settings in `POST /control/metadata`.
  mutating func change(_ change: JSONValue?) {
    for member in change?.members ?? [] { values[member.key] = member.value.string }
  }

  /// The requested settings that the version knows; others are omitted.
  func answer(_ call: APICall, _ version: ServerVersion) -> Response {
    let asked = call.request.parameters.filter { $0.name == "key" }.map(\.value)
    let known = values.keys.sorted().filter { key in
      (asked.isEmpty || asked.contains(key)) && (version.minor >= 43 || key != "analyticsWeeklyStart")
    }
    return .json(200, .object(known.map { .init($0, .string(values[$0]!)) }), type: version.jsonType)
  }
}
