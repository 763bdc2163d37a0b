import CCurl
import D2Common

/// Dates in HTTP headers.
package enum HTTPDate {
  /// Seconds from now to the date, at least zero; `nil` if the text is not a date.
  static func seconds(until text: String) -> Double? {
    moment(text).map { max(0, Double($0.seconds - UTCTime.now.seconds)) }
  }

  /// The time of a date; `nil` if the text is not a date.
  package static func moment(_ text: String) -> UTCTime? {
    let moment = curl_getdate(text, nil)
    return moment < 0 ? nil : UTCTime(seconds: moment)
  }
}
