import D2Common

/// The folder for a user's data: the store, and rejects.
package enum StateFolder {
  /// `$XDG_STATE_HOME/d2`, or `~/.local/state/d2`. By the XDG rules, an empty or relative `XDG_STATE_HOME` counts as
  /// unset.
  ///
  /// - Parameter instead: what to type if there is no such folder: `say where the store is with --store PATH`.
  /// - Throws: `CommandFailure`, 78 if the environment names no folder. A shared folder like /tmp is not safe for
  ///   health data.
  package static func path(_ environment: [String: String], orElse instead: String) throws(CommandFailure) -> String {
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/d2" }
    guard let home = environment["HOME"], home.hasPrefix("/") else {
      throw CommandFailure(.configuration, "neither HOME nor XDG_STATE_HOME is set to a folder: \(instead)")
    }
    return home + "/.local/state/d2"
  }
}
