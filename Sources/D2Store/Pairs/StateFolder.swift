import D2Common

/// The folder in which d2 keeps what a user has: the store, and the values that were refused.
package enum StateFolder {
  /// `$XDG_STATE_HOME/d2`, or `~/.local/state/d2`. As the XDG rules want it, an `XDG_STATE_HOME` that is empty or
  /// relative counts as unset.
  ///
  /// - Parameter instead: what to type where no folder is known: `say where the store is with --store PATH`.
  /// - Throws: `CommandFailure`, 78 if the environment names no folder: a shared one such as /tmp is no place for
  ///   health data.
  package static func path(_ environment: [String: String], orElse instead: String) throws(CommandFailure) -> String {
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/d2" }
    guard let home = environment["HOME"], home.hasPrefix("/") else {
      throw CommandFailure(.configuration, "neither HOME nor XDG_STATE_HOME is set to a folder: \(instead)")
    }
    return home + "/.local/state/d2"
  }
}
