import D2Common

/// `--slice JSON|-`, the option for a task from the ledger.
package enum SliceOption {
  package static let option = Option(
    "--slice", value: "JSON|-",
    help:
      "Read this slice of the ledger, as d2-slices claim prints it (-: read it from stdin)."
  )

  /// The slice on the command line, if there is one.
  ///
  /// - Throws: `CommandFailure`, 64 if the text is not a slice.
  package static func read(_ arguments: Arguments) throws(CommandFailure) -> Slice? {
    guard let text = arguments[option] else { return nil }
    guard text == "-" else { return try Slice(task: text) }
    guard let bytes = try? FileBytes.read("/dev/stdin", atMost: 1 << 20) else {
      throw CommandFailure(.cannotRead, "--slice -: standard input cannot be read")
    }
    return try Slice(task: String(decoding: bytes, as: UTF8.self))
  }
}
