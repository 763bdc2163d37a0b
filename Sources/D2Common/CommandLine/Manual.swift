/// What a manual page tells beyond what `--help` does. In its texts a word between backquotes is set bold.
package struct Manual: Sendable {
  /// Paragraphs: what the command does, and what one should know of how.
  package let description: [String]
  /// Variables of its own, beside those that all commands read.
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
