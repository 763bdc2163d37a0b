/// Shortens long lists in messages.
package enum Enumeration {
  private static let shown = 5

  /// The first few items, and how many more there are. The log of `--verbose` gets all of them.
  package static func few(_ items: [String], _ log: Log) -> String {
    guard items.count > shown else { return items.joined(separator: ", ") }
    log.debug("all \(items.count): \(items.joined(separator: ", "))")
    return items.prefix(shown).joined(separator: ", ") + " and \(items.count - shown) more"
  }
}
