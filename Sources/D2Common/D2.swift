/// Facts of the whole toolkit.
package enum D2 {
  /// The version of every command, of the packages and of the manual pages; RELEASING.md says how it is raised.
  package static let version = "1.0.0"
  /// When this version was made: manual pages and packages bear it.
  package static let date = "2026-11-27"
}
