/// A manual page, as `man` reads it, made of what a command says of itself.
package struct ManPage {
  private var text: String
  private let name: String

  /// The page of a command that has no verbs, or a few beside what it is for.
  package init(_ command: CommandDescription, _ verbs: [Verb] = []) {
    self.init(name: command.name, abstract: command.abstract)
    heading("SYNOPSIS")
    synopsis(command)
    for verb in verbs { synopsis(verb.description) }
    examples(command.examples)
    heading("OPTIONS")
    for group in command.groups { options(group) }
    list(verbs)
    statuses(command.statuses)
    end()
  }

  /// The page of a command with verbs.
  package init(name: String, abstract: String, _ verbs: [Verb]) {
    self.init(name: name, abstract: abstract)
    heading("SYNOPSIS")
    for verb in verbs { synopsis(verb.description) }
    examples(verbs.compactMap(\.description.examples.first))
    list(verbs)
    heading("OPTIONS OF ALL VERBS")
    options(CommandDescription.common)
    statuses(Self.merged(verbs.flatMap(\.description.statuses)))
    end()
  }

  /// The roff source.
  package var roff: String { text }

  private init(name: String, abstract: String) {
    self.name = name
    text = """
      .TH \(name.uppercased()) 1 "" "d2 \(D2.version)" "d2"
      .SH NAME
      \(Self.line(name)) \\- \(Self.line(abstract))

      """
  }

  private mutating func heading(_ title: String) { text += ".SH \(title)\n" }

  private mutating func synopsis(_ command: CommandDescription) {
    let operands = command.operands.isEmpty ? "" : " " + Self.line(command.operands)
    text += ".B \(Self.line(command.name))\\fR\(operands) [\\fIOPTION\\fR ...]\n.br\n"
  }

  private mutating func list(_ verbs: [Verb]) {
    guard !verbs.isEmpty else { return }
    heading("VERBS")
    for verb in verbs {
      let description = verb.description
      text += ".SS \(Self.line(verb.word(of: name)))\n\(Self.line(description.abstract.capitalisedSentence))\n"
      for group in description.groups.dropLast() { options(group) }
    }
  }

  private mutating func examples(_ examples: [(command: String, effect: String)]) {
    heading("EXAMPLES")
    for example in examples {
      text +=
        ".PP\n\(Self.line(example.effect.capitalisedSentence)):\n.PP\n.RS 4\n.nf\n\(Self.line(example.command))\n.fi\n.RE\n"
    }
  }

  private mutating func options(_ group: OptionGroup) {
    text += ".PP\n.B \(Self.line(group.title))\n"
    for option in group.options {
      let names = option.names.reversed().map { "\\fB\(Self.line($0))\\fR" }.joined(separator: ", ")
      let value = option.value.map { " \\fI\(Self.line($0))\\fR" } ?? ""
      text += ".TP\n\(names)\(value)\n\(Self.line(option.help))"
      text += option.repeats ? " May repeat or be a comma\\-separated list.\n" : "\n"
    }
  }

  private mutating func statuses(_ statuses: [(status: ExitStatus, meaning: String)]) {
    heading("EXIT STATUS")
    for status in statuses { text += ".TP\n.B \(status.status.rawValue)\n\(Self.line(status.meaning))\n" }
  }

  private static func merged(
    _ statuses: [(status: ExitStatus, meaning: String)]
  ) -> [(status: ExitStatus, meaning: String)] {
    var meanings: [Int32: [String]] = [:]
    for status in statuses where meanings[status.status.rawValue]?.contains(status.meaning) != true {
      meanings[status.status.rawValue, default: []].append(status.meaning)
    }
    return meanings.sorted { $0.key < $1.key }.map {
      (ExitStatus(rawValue: $0.key)!, $0.value.joined(separator: "; "))
    }
  }

  private mutating func end() {
    heading("ENVIRONMENT")
    for (variable, meaning) in Self.variables {
      text += ".TP\n.B \(Self.line(variable))\n\(Self.line(meaning))\n"
    }
    heading("FILES")
    text += """
      .TP
      .I $XDG_STATE_HOME/d2/d2.sqlite
      The store, where D2_STORE names no other (XDG_STATE_HOME is ~/.local/state by default).

      """
    heading("SEE ALSO")
    let others = Self.commands.filter { $0 != name }.map { "\\fB\(Self.line($0))\\fR(1)" }
    text += (["\\fBd2\\fR(7)"] + others + ["\\fBjq\\fR(1)"]).joined(separator: ",\n") + "\n"
  }

  private static let commands = [
    "d2-pull", "d2-push", "d2-pairs", "d2-orgunits", "d2-datasets", "d2-slices", "d2-diff", "d2-map",
  ]

  private static let variables = [
    ("D2_PAT", "A personal access token, where no option or pair has credentials."),
    ("D2_USERNAME, D2_PASSWORD", "User name and password, where there is no token."),
    ("D2_STORE", "The store: a path (SQLite) or an address (postgresql://…)."),
    ("D2_RECORD", "As --record: a folder for each exchange with a server."),
    ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "The proxy, and the hosts that need none."),
    ("TMPDIR", "Where temporary files lie; they have no names."),
  ]

  /// A line of text: what roff would take for its own is escaped.
  private static func line(_ text: String) -> String {
    var out = ""
    for character in text {
      switch character {
      case "\\": out += "\\e"
      case "-": out += "\\-"
      case "'" where out.isEmpty, "." where out.isEmpty: out += "\\&\(character)"
      case "…": out += "..."
      default: out.append(character)
      }
    }
    return out.replacing("\n.", with: "\n\\&.").replacing("\n'", with: "\n\\&'")
  }
}

extension String {
  /// With a capital letter, unless it begins with a command or an id.
  fileprivate var capitalisedSentence: String {
    guard let first, first.isLowercase, !hasPrefix("d2-") else { return self }
    return first.uppercased() + dropFirst()
  }
}
