import D2Common

/// A piece of a page. Literals are HTML. Interpolated values are text and are escaped, unless they are HTML themselves.
/// So a server's text cannot become markup by mistake.
struct HTML: ExpressibleByStringInterpolation, Sendable, Equatable {
  private(set) var text: String

  init(stringLiteral value: String) { text = value }
  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  /// - Parameter markup: HTML of our own.
  init(markup: String) { text = markup }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    mutating func appendLiteral(_ literal: String) { text += literal }
    mutating func appendInterpolation(_ text: String) { self.text += HTML.escaped(text) }
    mutating func appendInterpolation(_ number: Int) { text += String(number) }
    mutating func appendInterpolation(_ html: HTML) { text += html.text }
    mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { text += piece.text } }
  }

  static func += (left: inout HTML, right: HTML) { left.text += right.text }

  /// Escapes a text for an element or a quoted attribute. It shows control characters and direction marks visibly, so
  /// that they have no effect.
  static func escaped(_ text: String) -> String {
    let text = Log.printable(text)
    guard text.utf8.contains(where: { special($0) != nil }) else { return text }
    var out = ""
    out.reserveCapacity(text.utf8.count + 32)
    for scalar in text.unicodeScalars {
      if scalar.isASCII, let entity = special(UInt8(scalar.value)) {
        out += entity
      } else {
        out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  private static func special(_ byte: UInt8) -> String? {
    switch byte {
    case UInt8(ascii: "&"): "&amp;"
    case UInt8(ascii: "<"): "&lt;"
    case UInt8(ascii: ">"): "&gt;"
    case UInt8(ascii: "\""): "&quot;"
    case UInt8(ascii: "'"): "&#39;"
    default: nil
    }
  }
}

extension String {
  /// At most this many characters, with a mark if some are missing.
  func clipped(_ most: Int) -> String {
    utf8.count <= most || count <= most ? self : String(prefix(most - 1)) + "…"
  }
}

/// Formats numbers and times for people.
enum Shown {
  /// A number as `1,234,567`.
  static func count(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var out = number < 0 ? "-" : ""
    for (place, digit) in digits.enumerated() {
      if place > 0, (digits.count - place) % 3 == 0 { out += "," }
      out.append(digit)
    }
    return out
  }

  /// A count as `1,234 slices` or `1 slice`.
  static func count(_ number: Int, _ noun: String) -> String { "\(count(number)) \(noun)\(number == 1 ? "" : "s")" }

  /// A short number as `950`, `12.3 k` or `4.1 M`, for the axes of charts.
  static func short(_ number: Int) -> String {
    for (size, unit) in [(1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")] where number >= size {
      let unitSize = unit == "k" ? 1000 : size
      let tenths = number * 10 / unitSize
      return tenths >= 1000 || tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }
    return count(number)
  }

  static func iso8601(milliseconds: Int) -> String { UTCTime(seconds: milliseconds / 1000).iso8601 }

  /// A time as `2026-11-24 07:05`, in UTC.
  static func moment(milliseconds: Int) -> String {
    let text = iso8601(milliseconds: milliseconds)
    return text.prefix(10) + " " + text.dropFirst(11).prefix(5)
  }
}
