import D2Client

/// Why a value was not accepted, in the server's words.
struct Refusal: Sendable, Hashable {
  /// DHIS2's error code, if there is one.
  var code: String?
  var message: String
  /// The HTTP status of the answer that refused it.
  var httpStatus: Int?

  /// The reason for values that were not sent because of a failure.
  static func notSent(after failure: any Error) -> Refusal {
    Refusal(message: "not sent: \((failure as? ServerError)?.message ?? "\(failure)")")
  }

  /// What to do about it, if that is known.
  var advice: String? {
    CompulsoryValues.areMissing(by: message) ? CompulsoryValues.hint : code.flatMap { ErrorCode.named($0) }?.advice
  }

  /// The reason without the parts that differ from value to value, so that equal reasons can be counted. From 2.43 on,
  /// messages begin with "Value #17 value `x` ".
  var reason: String {
    var text = message[...]
    if text.hasPrefix("Value #") { text = text.dropFirst(7).drop(while: \.isNumber).drop { $0 == " " } }
    if text.hasPrefix("value `"), let end = text.dropFirst(7).firstIndex(of: "`") { text = "value `…" + text[end...] }
    return (code.map { $0 + " " } ?? "") + text
  }
}
