import CCurl
import Glibc

/// Dates in HTTP headers.
enum HTTPDate {
  /// Seconds from now to the date, not below zero; `nil` where the text is no date.
  static func seconds(until text: String) -> Double? {
    let moment = curl_getdate(text, nil)
    return moment < 0 ? nil : max(0, Double(moment - time(nil)))
  }
}
