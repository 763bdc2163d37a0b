import D2Common

/// The turns of a worker's commands: only one d2-pull reads and one d2-push delivers at a time, while the others wait.
/// So a worker can read the next slices while it delivers the previous ones, but sends only one request at a time to
/// each server.
package enum WorkerTurn {
  /// The folder of the worker.
  package static let variable = "D2_TURN_DIR"

  /// The prefix of its files, which the worker deletes.
  package static let prefix = "turn-"

  /// The worker's folder, if this command belongs to a worker's pipeline.
  package static func folder(_ environment: [String: String]) -> String? {
    environment[variable].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The turn of a command, if it is free and no process has had it before.
  package static func first(_ command: String, in folder: String) -> FileTurn? {
    let turn = FileTurn.wait("\(folder)/\(prefix)\(command)", atMostSeconds: 0)
    return turn?.isFirst == true ? turn : nil
  }

  /// Waits for the turn of a command.
  ///
  /// - Parameters:
  ///   - command: `pull` or `push`.
  ///   - folder: `nil` outside of a worker.
  ///   - beforeWaiting: called before it waits, if the turn is not free at once.
  /// - Returns: the turn, which ends when the value is released; `nil` outside of a worker.
  /// - Throws: `CommandFailure` if a signal comes.
  package static func wait(
    _ command: String, in folder: String?, beforeWaiting: () -> Void = {}
  ) throws -> FileTurn? {
    guard let folder else { return nil }
    let path = "\(folder)/\(prefix)\(command)"
    if let turn = FileTurn.wait(path, atMostSeconds: 0) { return turn }
    beforeWaiting()
    let turn = FileTurn.wait(path)
    if turn == nil { try Signals.check() }
    return turn
  }
}
