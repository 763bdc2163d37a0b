/// Constants of the whole toolkit.
package enum D2 {
  /// The version of all commands, the packages and the manual pages; RELEASING.md explains how to raise it.
  package static let version = "1.0.0"
  /// The date of this version, for manual pages and packages.
  package static let date = "2026-11-27"
}
