/// The content of a manual page beyond `--help`. A word in backquotes is set in bold.
package struct Manual: Sendable {
  /// Paragraphs about what the command does, and how.
  package let description: [String]
  /// Environment variables of its own, beside the common ones.
  package let environment: [(name: String, meaning: String)]
  /// Files of its own, beside the store.
  package let files: [(name: String, meaning: String)]

  package init(
    _ description: [String] = [], environment: [(name: String, meaning: String)] = [],
    files: [(name: String, meaning: String)] = []
  ) {
    self.description = description
    self.environment = environment
    self.files = files
  }
}
