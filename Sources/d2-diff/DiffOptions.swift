import D2Common
import Glibc

/// What one run of d2-diff was asked for, beside what it compares.
struct DiffOptions: Sendable {
  private static let numeric = Flag("--numeric", help: "Values that are the same number are equal: 1, 1.0 and 01.")
  private static let extras = Flag("--extras", help: "What only the destination has is a difference too.")
  private static let deleteExtras = Flag(
    "--delete-extras",
    help:
      "Write it as deleted values. Never where the source is empty, was not read to its end, or comes through a pipe.")
  private static let maxDelete = Option(
    "--max-delete", as: .quota,
    help: "With more extras than this, a number or a share of the destination, nothing is written (default 1%).")
  private static let defaultCombo = Option(
    "--default-combo", values: "UID",
    help:
      "An option combo that says as much as none, besides HllvX50cXC0 and \"default\"; both servers of a pair are asked for theirs."
  )
  static let differences: [any AnyOption] = [numeric, extras, deleteExtras, maxDelete, defaultCombo]

  private static let format = Option(
    "--format", as: .one(of: Format.self),
    help:
      "ndjson: the lines of the source, byte for byte (default where stdout is no terminal); table, tsv, json: a row for each difference; summary: counts by data set, period and organisation unit."
  )
  private static let level = Option(
    "--level",
    as: ValueReader("N", "the number of a level, 1 for the root") { text in Int(text).flatMap { $0 > 0 ? $0 : nil } },
    help: "With --format summary and --pair: count by the organisation units of this level (d2-orgunits list).")
  private static let summary = Option("--summary", value: "FILE", help: "Write what was found as one JSON object.")
  static let output: [any AnyOption] = [format, level, summary]

  static let memory = Option(
    "--memory", as: .size,
    help:
      "How much memory is used, about (default 64M); what does not fit goes to temporary files, in $TMPDIR: 48 bytes a value, and the lines of what is no file."
  )

  enum Format: String, CaseIterable {
    case ndjson, table, tsv, json, summary
  }

  let format: Format
  let deletesExtras: Bool
  let includesExtras: Bool
  let maxDelete: Quota
  let memoryBytes: Int
  /// Whether values that are the same number are equal.
  let isNumeric: Bool
  /// Those that the user names.
  let defaultCombos: [String]
  /// The level of the organisation units by which differences are counted.
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
