import D2Common
import Glibc

/// The options of one run of d2-diff, besides its inputs.
struct DiffOptions: Sendable {
  private static let numeric = Flag("--numeric", help: "Treat values that are the same number as equal: 1, 1.0 and 01.")
  private static let extras = Flag("--extras", help: "Count values that only the destination has as differences too.")
  private static let deleteExtras = Flag(
    "--delete-extras",
    help:
      "Write them as deleted values, unless the source is empty, was not read to its end, or comes through a pipe.")
  private static let maxDelete = Option(
    "--max-delete", as: .quota,
    help: "Write nothing if there are more extras than N, or P percent of the destination (default 1%).")
  private static let defaultCombo = Option(
    "--default-combo", values: "UID",
    help:
      "Treat this option combo like none, as HllvX50cXC0 and \"default\" are. d2-diff asks both servers of a pair for theirs."
  )
  static let differences: [any AnyOption] = [numeric, extras, deleteExtras, maxDelete, defaultCombo]

  private static let format = Option(
    "--format", as: .one(of: Format.self),
    help:
      "Write ndjson: the source's lines, byte for byte (default without a terminal); table, tsv, json: a row for each difference; summary: counts by data set, period and organisation unit."
  )
  private static let level = Option(
    "--level",
    as: ValueReader("N", "the number of a level, 1 for the root") { text in Int(text).flatMap { $0 > 0 ? $0 : nil } },
    help: "Count by the organisation units of this level (with --format summary and --pair; d2-orgunits list).")
  private static let summary = Option("--summary", value: "FILE", help: "Write the result to FILE as a JSON object.")
  static let output: [any AnyOption] = [format, level, summary]

  static let memory = Option(
    "--memory", as: .size,
    help:
      "Use about this much memory (default 64M). The rest goes to temporary files in $TMPDIR: 48 bytes a value, and the lines of inputs that are not files."
  )

  enum Format: String, CaseIterable {
    case ndjson, table, tsv, json, summary
  }

  let format: Format
  let deletesExtras: Bool
  let includesExtras: Bool
  let maxDelete: Quota
  let memoryBytes: Int
  /// Whether values with the same number are equal.
  let isNumeric: Bool
  /// The default combos that the user names.
  let defaultCombos: [String]
  /// The level of the organisation units for the summary.
  let level: Int?
  let summaryFile: String?

  private static let leastMemoryBytes = 16 << 20

  /// - Throws: `CommandFailure`, 64.
  init(_ arguments: Arguments) throws(CommandFailure) {
    format = arguments[Self.format] ?? (isatty(1) == 1 ? .table : .ndjson)
    deletesExtras = arguments[Self.deleteExtras]
    includesExtras = deletesExtras || arguments[Self.extras]
    maxDelete = arguments[Self.maxDelete] ?? .usualDeletion
    memoryBytes = arguments[Self.memory] ?? 64 << 20
    isNumeric = arguments[Self.numeric]
    defaultCombos = arguments[Self.defaultCombo]
    level = arguments[Self.level]
    summaryFile = arguments[Self.summary]
    guard !arguments.has(Self.maxDelete) || deletesExtras else {
      throw CommandFailure(.usage, "--max-delete goes with --delete-extras")
    }
    guard memoryBytes >= Self.leastMemoryBytes else {
      throw CommandFailure(.usage, "--memory: at least \(Self.leastMemoryBytes >> 20)M")
    }
    guard level == nil || format == .summary else {
      throw CommandFailure(.usage, "--level goes with --format summary")
    }
  }
}
