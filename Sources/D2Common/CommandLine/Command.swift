import CProcess
import Glibc

/// A command of the toolkit. `d2` finds it by its name, and its own executable runs it.
package protocol ToolkitCommand: Sendable {
  /// Its name: `d2-pull`.
  static var name: String { get }
  /// What it does, in a phrase.
  static var abstract: String { get }

  /// Runs the command with the words after its name, and ends the process.
  static func main(_ words: [String]) async -> Never
}

/// Runs a command, from its words to its exit status.
package enum Command {
  /// The option of verbs that change something.
  package static let dryRun = Flag("--dry-run", help: "Show what would change, and change nothing.")

  /// The words after the name of this program.
  package static var words: [String] { Array(CommandLine.arguments.dropFirst()) }

  /// Parses the command line, answers `--help` and `--version`, runs `body`, and exits with the status. A failure
  /// becomes one line on stderr.
  ///
  /// - Parameters:
  ///   - words: the command line after the command's name.
  ///   - verbs: alternatives that the first word can select.
  package static func main(
    _ description: CommandDescription, _ words: [String], verbs: [Verb] = [],
    _ body: @Sendable (Arguments, Log) async throws -> ExitStatus
  ) async -> Never {
    describe(description.name, description.abstract, description.manual, own: description, verbs, words)
    let words = words == ["help"] ? ["--help"] : words
    if words.first == "help", let verb = verbs.first(where: { $0.word(of: description.name) == words[1] }) {
      await verb.run(["--help"])
    }
    if let verb = verbs.first(where: { $0.word(of: description.name) == words.first }) {
      await verb.run(Array(words.dropFirst()))
    }
    await run(description, words, body)
  }

  /// The same for a command whose first word is a verb: `d2-pairs add …`.
  package static func main(
    _ command: any ToolkitCommand.Type, _ words: [String], manual: Manual, _ verbs: [Verb]
  ) async -> Never {
    let name = command.name
    describe(name, command.abstract, manual, own: nil, verbs, words)
    let environment = processEnvironment()
    let log = Log(command: name, environment: environment)
    func verb(_ word: String) -> Verb? { verbs.first { $0.word(of: name) == word } }
    switch words.first {
    case "help"? where words.count > 1 && verb(words[1]) != nil:
      // Also `d2 help slices plan`.
      await verb(words[1])!.run(words.count > 2 ? ["help"] + words[2...] : ["--help"])
    case "--help"?, "-h"?,
      "help"? where words.count == 1:
      show(Verb.helpText(name: name, abstract: command.abstract, verbs), environment)
      exit(0)
    case "--version"?:
      print("\(name) \(D2.version)")
      exit(0)
    case let word?:
      if let verb = verb(word) { await verb.run(Array(words.dropFirst())) }
      let word = word == "help" ? words[1] : word
      let nearest = Suggestion.nearest(to: word, among: verbs.map { $0.word(of: name) })
      log.error(
        "unknown verb \(word.quoted)\(nearest.map { "; did you mean \($0)?" } ?? "") (\(name) --help lists them)")
    case nil:
      log.error(
        "say what to do: " + verbs.map { $0.word(of: name) }.joined(separator: ", ")
          + " (\(name) --help explains each)")
    }
    exit(ExitStatus.usage.rawValue)
  }

  /// Prints a help text in the characters that the locale supports.
  private static func show(_ text: String, _ environment: [String: String]) {
    let isASCII = ASCIIText.isNeeded(environment, isTerminal: isatty(1) == 1)
    print(isASCII ? ASCIIText.of(text) : text, terminator: "")
  }

  /// Prints the description for the tool that makes manual pages and completions: `--describe`, alone.
  private static func describe(
    _ name: String, _ abstract: String, _ manual: Manual, own: CommandDescription?, _ verbs: [Verb], _ words: [String]
  ) {
    guard words == ["--describe"] else { return }
    print(CommandDescription.json(name: name, abstract: abstract, manual: manual, own: own, verbs: verbs).text)
    exit(0)
  }

  fileprivate static func run(
    _ description: CommandDescription, _ words: [String], _ body: @Sendable (Arguments, Log) async throws -> ExitStatus
  ) async -> Never {
    let name = String(description.name.prefix { $0 != " " })
    let environment = processEnvironment()
    var log = Log(command: name, environment: environment)
    do {
      let arguments = try Arguments(unchecked: words, description, environment, { .now })
      if arguments[CommandDescription.help] {
        show(description.helpText(), environment)
        exit(0)
      }
      if arguments[CommandDescription.version] {
        print("\(name) \(D2.version)")
        exit(0)
      }
      try arguments.check([CommandDescription.logFormat])
      log = Log(arguments)
      try arguments.check(description.options)
      // A stray word may be a mistyped option that would have narrowed the selection. d2-pull and d2-push have better
      // messages of their own.
      if description.operands.isEmpty, description.name != name, let word = arguments.operands.first {
        throw CommandFailure(.usage, "unexpected argument \(word.quoted) (\(description.name) --help)")
      }
      Signals.listen()
      // When a worker has ended, nothing of its pipeline may continue, because another worker may move the slice again.
      if arguments.environment["D2_SLICE_ID"] != nil { d2_end_with_parent() }
      let status = try await body(arguments, log)
      log.wipe()
      // For verbs only: d2-push asks the server to store nothing.
      if description.name != name, arguments[ifDeclared: dryRun] { log.info("nothing was written") }
      exit(Signals.received == nil ? status.rawValue : Signals.status.rawValue)
    } catch {
      log.wipe()
      let status = report(error, log)
      if status == .usage, words.isEmpty { log.info("\(description.name) --help begins with examples") }
      exit(status.rawValue)
    }
  }

  /// Reports a failure, and returns its status.
  private static func report(_ error: any Error, _ log: Log) -> ExitStatus {
    if Signals.received != nil {
      log.error("interrupted by a signal")
      return Signals.status
    }
    log.error("\(error)")
    return ExitStatus(of: error)
  }
}

extension Log {
  /// The log with the options of the command line.
  package convenience init(_ arguments: Arguments) {
    self.init(
      command: arguments.commandName,
      least: arguments[CommandDescription.quiet] ? .error : arguments[CommandDescription.verbose] ? .debug : .info,
      format: arguments[CommandDescription.logFormat] ?? .text, environment: arguments.environment,
      isDryRun: arguments[ifDeclared: Command.dryRun])
  }
}

/// One action of a command that has several.
package struct Verb: Sendable {
  /// Its name consists of the command's and its own: `d2-pairs add`.
  package let description: CommandDescription
  /// Runs it with the words after the verb.
  let run: @Sendable ([String]) async -> Never

  package init(
    _ description: CommandDescription, _ body: @escaping @Sendable (Arguments, Log) async throws -> ExitStatus
  ) {
    self.description = description
    run = { await Command.run(description, $0, body) }
  }

  /// A whole command, as a verb of `d2`.
  package init(_ description: CommandDescription, _ command: any ToolkitCommand.Type) {
    self.description = description
    run = { await command.main($0) }
  }

  package func word(of command: String) -> String { description.verb(of: command) }

  static func helpText(name: String, abstract: String, _ verbs: [Verb]) -> String {
    let words = verbs.map { $0.word(of: name) }
    let width = words.map(\.count).max() ?? 0
    var text = "\(name) - \(abstract)\n\nVerbs (\(name) help VERB tells more):\n"
    for (word, verb) in zip(words, verbs) {
      text += "  \(word)" + String(repeating: " ", count: width - word.count + 2) + verb.description.abstract + "\n"
    }
    text += "\nExamples:\n"
    for example in verbs.compactMap(\.description.examples.first) {
      text += "\n  # \(example.effect)\n  \(example.command)\n"
    }
    return text + CommandDescription.pointer(to: name)
  }
}
