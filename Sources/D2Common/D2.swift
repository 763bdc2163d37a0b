/// Facts of the whole toolkit.
package enum D2 {
  /// The version of every command.
  package static let version = "0.1.0"
}
