import D2Common

/// `--slice JSON|-`, by which a command takes its task from the ledger.
package enum SliceOption {
  /// The slice that the command line has; `nil` where it has none.
  ///
  /// - Throws: `CommandFailure`, 64 for what is no slice.
  package static func read(_ arguments: Arguments) throws(CommandFailure) -> Slice? {
    guard let text = arguments.string("--slice") else { return nil }
    guard text == "-" else { return try Slice(task: text) }
    guard let bytes = try? FileBytes.read("/dev/stdin", atMost: 1 << 20) else {
      throw CommandFailure(.cannotRead, "--slice -: standard input cannot be read")
    }
    return try Slice(task: String(decoding: bytes, as: UTF8.self))
  }
}
