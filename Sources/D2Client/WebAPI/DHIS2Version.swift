import D2Common

/// The version of a DHIS2 server as far as its behaviour differs: 36 to 43 and beyond.
package struct DHIS2Version: Sendable, Equatable, Comparable, CustomStringConvertible {
  package let minor: Int
  package let text: String

  /// Reads `2.42.5.2`, `2.43-SNAPSHOT`, and the newer `42.1`.
  package init?(_ text: String) {
    let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
    guard let first = numbers.first, let minor = first == 2 ? numbers.dropFirst().first : first, minor > 2 else {
      return nil
    }
    self.minor = minor
    self.text = text
  }

  package static func < (left: DHIS2Version, right: DHIS2Version) -> Bool { left.minor < right.minor }

  package var description: String { text }

  /// From 2.43 on values are upserted data set by data set, and one bad value can fail its whole group
  /// (docs/dhis2-servers.md, trap 8).
  package var failsWholeGroups: Bool { minor >= 43 }

  /// From 2.43 on `lastUpdated` of an export is read as a day of the server's (docs/dhis2-servers.md, trap 21).
  package var cutsTimesToDays: Bool { minor >= 43 }
}
