/// One request as received.
struct Request: Sendable {
  var method: String
  /// The target from the request line.
  var target: String
  /// The path, still percent-encoded, without a query.
  var path: String
  /// The query's parameters in order, decoded.
  var parameters: [Parameter]
  /// Header names in lower case.
  var headers: [Header]
  var body: [UInt8] = []

  struct Header: Sendable {
    var name: String
    var value: String
  }

  struct Parameter: Sendable {
    var name: String
    var value: String
  }

  init(method: String, target: String, headers: [Header]) {
    self.method = method
    self.target = target
    self.headers = headers
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    path = String(parts[0])
    parameters = parts.count == 2 ? Request.parameters(of: parts[1]) : []
  }

  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

  /// The query as it was sent.
  var query: String { target.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init) ?? "" }

  func first(_ name: String) -> String? { parameters.first { $0.name == name }?.value }

  /// All values of a parameter. Spring also splits them at commas.
  func list(_ name: String) -> [String] {
    parameters.filter { $0.name == name }.flatMap { $0.value.split(separator: ",").map(String.init) }
  }

  func flag(_ name: String) -> Bool { first(name)?.lowercased() == "true" }

  private static func parameters(of query: Substring) -> [Parameter] {
    query.split(separator: "&").map { pair in
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return Parameter(name: decoded(sides[0]), value: sides.count == 2 ? decoded(sides[1]) : "")
    }
  }

  static func decoded(_ text: Substring) -> String {
    var out: [UInt8] = []
    var at = Array(text.utf8)[...]
    while let byte = at.popFirst() {
      if byte == UInt8(ascii: "+") {
        out.append(0x20)
      } else if byte == UInt8(ascii: "%"), at.count >= 2,
        let value = UInt8(String(decoding: at.prefix(2), as: UTF8.self), radix: 16)
      {
        out.append(value)
        at = at.dropFirst(2)
      } else {
        out.append(byte)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// Encodes a parameter like the servers in the links of a pager: letters, digits and `-._*` stay.
  static func encoded(_ text: String) -> String {
    let hex = Array("0123456789ABCDEF")
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "*"):
        out.unicodeScalars.append(Unicode.Scalar(byte))
      default: out += "%\(hex[Int(byte >> 4)])\(hex[Int(byte & 15)])"
      }
    }
    return out
  }
}
