import D2Common

/// Makes manual pages and completions of what commands say of themselves: for those who build or package d2.
@main
struct Pages {
  static let description = CommandDescription(
    name: "d2-pages",
    abstract: "make a manual page or shell completions from a command's description on stdin",
    examples: [
      ("d2-pull --describe | d2-pages man > d2-pull.1", "make the manual page of d2-pull"),
      ("d2-pull --describe | d2-pages bash", "make its completions for bash"),
      (
        "d2-slices --describe | d2-pages zsh sync scripts/lib/options.tsv",
        "make the zsh completions of d2-sync, which passes options on to d2-slices"
      ),
    ],
    groups: [],
    statuses: [
      (.success, "the page or the completions are on stdout"), (.usage, "the command line is wrong"),
      (.malformedInput, "stdin is not the output of a command's --describe, or the table is malformed"),
      (.cannotRead, "the table cannot be read"),
    ], operands: "man|bash|zsh|fish [SCRIPT TABLE]")

  static func main() async {
    await Command.main(description, Command.words) { arguments, log in
      let command = try described()
      print(try text(arguments.operands, of: command), terminator: "")
      return .success
    }
  }

  private static func described() throws -> DescribedCommand {
    guard let bytes = try? FileBytes.read("/dev/stdin", atMost: 1 << 20), let json = try? JSONValue(parsing: bytes)
    else {
      throw CommandFailure(.malformedInput, "stdin is not JSON: give what a command of d2 prints with --describe")
    }
    return try DescribedCommand(json)
  }

  /// What the operands ask for.
  private static func text(_ operands: [String], of command: DescribedCommand) throws(CommandFailure) -> String {
    if operands == ["man"] { return ManPage(command).roff }
    guard let shell = operands.first.flatMap(Completion.Shell.init(rawValue:)), [1, 3].contains(operands.count) else {
      throw CommandFailure(
        .usage, "say what to make: man, bash, zsh or fish; and of which script of which table, where it is of one")
    }
    guard operands.count == 3 else { return Completion(command).script(shell) }
    let table = try ScriptTable(path: operands[2])
    return Completion(try table.description(of: operands[1], passingTo: command)).script(shell)
  }
}
