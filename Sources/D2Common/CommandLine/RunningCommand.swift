import Synchronization

/// Which options the command that runs has and was not given: a message that names another one sends its reader to the
/// wrong place.
package enum RunningCommand {
  private static let options = Mutex<Set<String>>([])

  /// Notes the options of the command that runs in this process.
  static func begin(_ description: CommandDescription, _ words: [String]) {
    options.withLock { $0 = Set(description.groups.flatMap(\.options).map(\.name)).subtracting(words) }
  }

  /// Whether an option could be added, by its long name.
  package static func offers(_ option: String) -> Bool { options.withLock { $0.contains(option) } }
}
