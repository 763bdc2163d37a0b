import D2Common

/// The version of a DHIS2 server, as far as its behaviour differs: 36 to 43 and later.
package struct DHIS2Version: Sendable, Equatable, Comparable, CustomStringConvertible {
  package let minor: Int
  package let text: String

  /// Parses `2.42.5.2`, `2.43-SNAPSHOT`, and the newer `42.1`.
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

  /// Whether one bad value can fail its whole group. From 2.43 on, servers upsert values data set by data set
  /// (docs/dhis2-servers.md, trap 8).
  package var failsWholeGroups: Bool { minor >= 43 }

  /// Whether exports read `lastUpdated` as a day in the server's zone, as from 2.43 on (docs/dhis2-servers.md, trap
  /// 21).
  package var cutsTimesToDays: Bool { minor >= 43 }
}
