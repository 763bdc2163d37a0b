/// Facts of the whole toolkit.
package enum D2 {
  /// The version of every command, of the packages and of the manual pages; the first heading of CHANGELOG.md has it too.
  package static let version = "0.1.0"
  /// When this version was made: manual pages and packages bear it.
  package static let date = "2026-11-24"
}
