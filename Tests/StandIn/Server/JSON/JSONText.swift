import D2Common

extension JSONValue {
  /// The document as Jackson writes it: no white space, keys in their order, `\b` and `\f` in short, other control
  /// characters in capital digits. It is the stand-in's own writer, beside its own reader.
  var jackson: String {
    switch self {
    case .null: "null"
    case .bool(let flag): "\(flag)"
    case .number(let spelling): spelling
    case .string(let text): Self.quoted(text)
    case .array(let elements): "[" + elements.map(\.jackson).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { Self.quoted($0.key) + ":" + $0.value.jackson }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": out += "\\\(scalar)"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{8}": out += "\\b"
      case "\u{C}": out += "\\f"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16, uppercase: true)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
