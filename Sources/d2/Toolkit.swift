import D2Common
import Glibc
import d2_convert
import d2_datasets
import d2_diff
import d2_map
import d2_orgunits
import d2_pairs
import d2_pull
import d2_push
import d2_slices

/// All commands in one file, so that they share one Swift runtime. Their names are links to it: `d2-pull` and `d2 pull`
/// both run d2-pull.
@main
struct Toolkit: ToolkitCommand {
  static let name = "d2"
  static let abstract = "move aggregate data between DHIS2 servers: all commands of d2 in one"

  private static let commands: [any ToolkitCommand.Type] = [
    Pull.self, Push.self, Pairs.self, OrgUnits.self, DataSets.self, Slices.self, Map.self, Diff.self,
    Convert.self,
  ]

  static func main() async {
    let called = CalledName.find(among: commands.map { $0.name })
    if let command = commands.first(where: { $0.name == called }) { await command.main(Command.words) }
    await main(Command.words)
  }

  static func main(_ words: [String]) async -> Never {
    let verbs = commands.map { Verb(description(of: $0), $0) }
    if CalledName.own != name, !isUnderstood(words.first, verbs) {
      Log(command: name).error(
        "no command is called \(CalledName.own.quoted): rename it to \(commands.dropLast().map { $0.name }.joined(separator: ", "))"
          + " or \(commands.last!.name)")
      exit(ExitStatus.usage.rawValue)
    }
    await Command.main(Self.self, words, manual: manual, verbs)
  }

  /// Under any other name it is still d2, if the first word is one of d2's verbs.
  private static func isUnderstood(_ word: String?, _ verbs: [Verb]) -> Bool {
    guard let word else { return false }
    return verbs.contains { $0.word(of: name) == word }
      || ["help", "--help", "-h", "--version", "--describe"].contains(word)
  }

  /// For the completions and `--describe`; the manual page of d2 is man/d2.1.
  private static let manual = Manual([
    "One program that all commands lead to. Its manual page is the overview of all commands: d2(1)."
  ])

  /// A command as `d2 --help` describes it; the command itself handles its options.
  private static func description(of command: any ToolkitCommand.Type) -> CommandDescription {
    CommandDescription(
      name: command.name.replacing("d2-", with: "d2 "), abstract: command.abstract,
      examples: command is Pull.Type ? [pipeline] : [], groups: [],
      statuses: [(.usage, "the command line is wrong, or the file d2 has a name that no command has")])
  }

  private static let pipeline = (
    command:
      "d2 pull --url https://dhis2.example --data-set BfMAe6Itzgt --org-unit ImspTQPwCqd --children --period 202401 | d2 push --url https://other.example",
    effect: "move a month of a data set, for a whole country, to another server"
  )
}
