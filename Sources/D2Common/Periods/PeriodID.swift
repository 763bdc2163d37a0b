/// Checks the text of a period id before it is sent to a server.
package enum PeriodID {
  /// Whether a text is an id exactly as servers from 2.43 on print it. They answer a malformed one with HTTP 500 for
  /// the whole request, so d2-push posts a doubtful value alone. The rule is strict: it doubts valid ids in other
  /// spellings, but never trusts an invalid one. (docs/dhis2-servers.md, trap 8.)
  package static func isCertain(_ text: some StringProtocol) -> Bool {
    // Servers print years before 1000 without leading zeros.
    text.utf8.first != UInt8(ascii: "0") && Period(id: text).map { $0.id == text } ?? false
  }

  /// Whether a text has the shape of a period id of any type and calendar: four digits of a year, and the possible
  /// rest.
  package static func isPlausible(_ text: some StringProtocol) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count >= 4, bytes.count <= 12, bytes[..<4].allSatisfy(isDigit) else { return false }
    return bytes[4...].allSatisfy { byte in
      isDigit(byte) || (0x41...0x5A).contains(byte & 0xDF) || byte == UInt8(ascii: "-")
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
