import D2Common

/// A query string with its parameters in order. It percent-encodes everything that RFC 3986 does not list as
/// unreserved, including `[`, `]` and `+`.
package struct Query: Sendable, Equatable {
  package private(set) var text = ""

  package init() {}

  package init(_ parameters: KeyValuePairs<String, String>) {
    for (name, value) in parameters { add(name, value) }
  }

  package mutating func add(_ name: String, _ value: String) {
    if !text.isEmpty { text += "&" }
    text += name + "=" + Self.encoded(value)
  }

  package mutating func add(_ name: String, _ values: [String]) {
    for value in values { add(name, value) }
  }

  /// `path?query`, or only the path if there are no parameters.
  package func target(_ path: String) -> String { text.isEmpty ? path : path + "?" + text }

  /// The parameters for options whose values go to a server unchanged.
  package static func parameters(
    _ texts: [Option<String?>], _ flags: [Flag], _ arguments: Arguments
  ) -> [(name: String, value: String)] {
    texts.compactMap { option in arguments[option].map { (parameter(of: option.name), $0) } }
      + flags.filter { arguments[$0] }.map { (parameter(of: $0.name), "true") }
  }

  /// The parameter for an option: `dataElementIdScheme` for `--data-element-id-scheme`.
  package static func parameter(of option: String) -> String {
    let words = option.split(separator: "-")
    return words[0] + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  package static func encoded(_ value: String) -> String {
    var out: [UInt8] = []
    for byte in value.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: out.append(byte)
      case _ where "-._~:,".utf8.contains(byte): out.append(byte)
      default: out += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static let hex = Array("0123456789ABCDEF".utf8)
}

extension Option where Value == String? {
  /// An option for an id scheme, named like the Web API's parameter.
  package static func scheme(_ name: String, _ help: String) -> Option {
    Option(name, value: "SCHEME", help: help)
  }
}
