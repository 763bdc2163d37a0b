import D2Common

/// A query string, its parameters in order, percent-encoded as RFC 3986 demands: `[`, `]`, `+` and all that is not
/// unreserved.
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

  /// `path?query`, or the path alone.
  package func target(_ path: String) -> String { text.isEmpty ? path : path + "?" + text }

  package static func encoded(_ value: String) -> String {
    var out: [UInt8] = []
    for byte in value.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"),
        UInt8(ascii: ":"), UInt8(ascii: ","):
        out.append(byte)
      default: out += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static let hex = Array("0123456789ABCDEF".utf8)
}
