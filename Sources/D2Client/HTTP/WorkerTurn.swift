import D2Common

/// The turns of a worker's commands: at most one d2-pull reads and one d2-push delivers, while the others wait. So a
/// worker can read the next slices while it delivers those before them, and a server still gets one request at a time
/// from it.
package enum WorkerTurn {
  /// The folder of the worker.
  package static let variable = "D2_TURN_DIR"

  /// Files of it begin so: the worker removes them.
  package static let prefix = "turn-"

  /// The worker's folder, if this command is one of its pipeline.
  package static func folder(_ environment: [String: String]) -> String? {
    environment[variable].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The turn of a command, if it is free, and no process had it before.
  package static func first(_ command: String, in folder: String) -> FileTurn? {
    let turn = FileTurn.wait("\(folder)/\(prefix)\(command)", atMostSeconds: 0)
    return turn?.isFirst == true ? turn : nil
  }

  /// Waits for the turn of a command.
  ///
  /// - Parameters:
  ///   - command: `pull` or `push`.
  ///   - folder: `nil` outside of a worker.
  ///   - beforeWaiting: what there is time for if the turn is not free at once.
  /// - Returns: the turn, which ends with the value; `nil` outside of a worker.
  /// - Throws: `CommandFailure` when a signal came.
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
