import D2Common

/// The options of the scripts that chain the commands, from their table: `scripts/lib/options.tsv`, whose head says how
/// to read it.
struct ScriptTable {
  private struct Row {
    let scripts: [String]
    let names: String
    /// What the value is called; empty for a flag.
    let value: String
    let into: String
    let help: String
  }

  private let rows: [Row]

  /// - Throws: `CommandFailure`: 74, or 65 for a malformed row.
  init(path: String) throws(CommandFailure) {
    let bytes: [UInt8]
    do { bytes = try FileBytes.read(path, atMost: 1 << 20) } catch {
      throw CommandFailure(.cannotRead, "cannot read \(path): \(error)")
    }
    var rows: [Row] = []
    for (number, line) in String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    )
    .enumerated() where !line.isEmpty && !line.hasPrefix("#") {
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map { $0 == "-" ? "" : String($0) }
      guard columns.count == 5 else {
        throw CommandFailure(.malformedInput, "\(path), line \(number + 1): a row has five columns")
      }
      rows.append(
        Row(
          scripts: columns[0].split(separator: ",").map(String.init), names: columns[1], value: columns[2],
          into: columns[3], help: columns[4]))
    }
    self.rows = rows
  }

  /// What shells complete of a script, by the name under which it is installed.
  ///
  /// - Parameter command: the one to which scripts pass options on: d2-slices.
  /// - Throws: `CommandFailure`, 64 if the table does not have the script.
  func description(of script: String, passingTo command: DescribedCommand) throws(CommandFailure) -> CommandDescription
  {
    let options = options(of: script, passingTo: command)
    guard !options.isEmpty else { throw CommandFailure(.usage, "\(script.quoted) is not a script of the table") }
    let takesPair = rows.contains { $0.scripts.contains(script) && $0.names == "PAIR" }
    return CommandDescription(
      name: "d2-\(script)", abstract: "", examples: [], groups: [], statuses: [], operands: takesPair ? "PAIR" : "",
      common: OptionGroup("Options", options))
  }

  private func options(of script: String, passingTo command: DescribedCommand) -> [any AnyOption] {
    let rows = rows.filter { $0.scripts.contains(script) && $0.names != "PAIR" }
    let own: [any AnyOption] = rows.filter { !$0.names.hasPrefix("@") }.map(Self.option)
    let passedOn = rows.filter { $0.names.hasPrefix("@") }.flatMap { row -> [any AnyOption] in
      let other = String(row.names.dropFirst())
      return command.verbs.first { $0.name == other }?.options ?? options(of: other, passingTo: command)
    }
    // Which pair, the script says; what it has itself, it takes itself; and whose version --version tells, nobody asks.
    let taken = Set(own.map(\.name) + ["--pair", "--version"])
    return own + passedOn.filter { !taken.contains($0.name) }
  }

  private static func option(_ row: Row) -> DescribedOption {
    // Behind some flags a word may stand, which means nothing.
    let takesValue = !row.value.isEmpty && !row.value.hasPrefix("[")
    return DescribedOption(
      names: row.names.split(separator: " ").map(String.init), value: takesValue ? row.value : nil,
      help: row.help.capitalisedSentence + ".",
      repeats: takesValue && (row.into.hasSuffix("+") || row.into.hasSuffix("*")), choices: [])
  }
}
