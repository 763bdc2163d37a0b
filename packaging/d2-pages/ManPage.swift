import D2Common

/// A manual page, as `man` reads it, made of what a command says of itself.
struct ManPage {
  private var text = Roff()
  private let name: String

  init(_ command: DescribedCommand) {
    self.init(command.name, command.abstract, command.lines, command.manual)
    if let own = command.own {
      text.heading("OPTIONS")
      for group in own.groups { options(group) }
      if !command.verbs.isEmpty { list(command.verbs, besides: own.groups) }
    } else {
      let shared = Self.shared(command.verbs)
      list(command.verbs, besides: shared)
      text.heading("OPTIONS")
      text.paragraph("Several verbs take these options. Every verb takes the options under `Messages`.")
      for group in shared { options(group) }
    }
    end(
      Self.merged(command.lines.flatMap(\.statuses)), command.manual, command.lines.flatMap(\.examples))
  }

  /// The roff source.
  var roff: String { text.source }

  private init(_ name: String, _ abstract: String, _ commands: [CommandDescription], _ manual: Manual) {
    self.name = name
    text.title(name, section: 1)
    text.heading("NAME")
    text.line("\(Roff.literal(name)) \\- \(Roff.prose(abstract))")
    text.heading("SYNOPSIS")
    text.verbatim(
      commands.map { command in
        let operands = command.operands.isEmpty ? "" : " " + Roff.literal(command.operands)
        return "\\fB\(Roff.literal(command.name))\\fR\(operands) [\\fIOPTION\\fR ...]"
      })
    text.heading("DESCRIPTION")
    for paragraph in manual.description { text.paragraph(paragraph) }
  }

  /// Groups that more than one verb has: they are told once.
  private static func shared(_ verbs: [CommandDescription]) -> [OptionGroup] {
    let all = verbs.flatMap(\.groups)
    var seen: Set<String> = []
    return all.filter { group in
      all.count { $0.isSame(as: group) } > 1 && seen.insert(group.title).inserted
    }
  }

  private mutating func list(_ verbs: [CommandDescription], besides shared: [OptionGroup]) {
    text.heading("VERBS")
    for description in verbs {
      text.subheading(description.verb(of: name))
      text.paragraph(description.abstract.capitalisedSentence + ".")
      // Messages, which are the last, go without saying.
      let groups = description.groups.dropLast()
      let own = groups.filter { group in !shared.contains { $0.isSame(as: group) } }
      let elsewhere = groups.map(\.title).filter { title in !own.contains { $0.title == title } }
      for group in own {
        if own.count > 1 { text.label(group.title) }
        options(of: group)
      }
      if !elsewhere.isEmpty {
        text.paragraph(
          "\(own.isEmpty ? "Takes" : "Also takes") the options under \(elsewhere.map { "`\($0)`" }.joined(separator: " and ")), in OPTIONS."
        )
      }
    }
  }

  private mutating func options(_ group: OptionGroup) {
    text.subheading(group.title)
    options(of: group)
  }

  private mutating func options(of group: OptionGroup) {
    for option in group.options {
      let names = option.names.reversed().map { "\\fB\(Roff.literal($0))\\fR" }.joined(separator: ", ")
      let value = option.value.map { " \\fI\(Roff.literal($0))\\fR" } ?? ""
      text.item(names + value, option.help + (option.repeats ? " Can be repeated or comma-separated." : ""))
    }
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

  private mutating func end(
    _ statuses: [(status: ExitStatus, meaning: String)], _ manual: Manual,
    _ examples: [(command: String, effect: String)]
  ) {
    text.heading("EXIT STATUS")
    for status in statuses {
      text.item("\\fB\(status.status.rawValue)\\fR", status.meaning.capitalisedSentence + ".")
    }
    text.heading("ENVIRONMENT")
    let own = Set(manual.environment.map(\.0))
    for (variable, meaning) in manual.environment + Self.variables.filter({ !own.contains($0.0) }) {
      text.item("\\fB\(Roff.literal(variable))\\fR", meaning)
    }
    text.heading("FILES")
    for (file, meaning) in manual.files + Self.files { text.item("\\fI\(Roff.literal(file))\\fR", meaning) }
    text.heading("EXAMPLES")
    for example in examples {
      text.paragraph(example.effect.capitalisedSentence + ":")
      text.example(example.command)
    }
    text.heading("SEE ALSO")
    let others = Self.commands.filter { $0 != name }.map { "\\fB\(Roff.literal($0))\\fR(1)" }
    text.line((others + ["\\fBjq\\fR(1)", "\\fBd2\\fR(7)"]).joined(separator: ",\n"))
  }

  private static let commands = [
    "d2-pull", "d2-push", "d2-pairs", "d2-orgunits", "d2-datasets", "d2-slices", "d2-diff", "d2-map",
    "d2-convert",
  ]

  private static let variables = [
    (
      "D2_SOURCE_PAT, D2_SOURCE_USERNAME, D2_SOURCE_PASSWORD",
      "Credentials of the server that is read: a personal access token, or a user name and its password. They count if no option or pair has credentials, and are never sent to the destination."
    ),
    (
      "D2_DESTINATION_PAT, D2_DESTINATION_USERNAME, D2_DESTINATION_PASSWORD",
      "The same for the server that is written to."
    ),
    (
      "D2_PAT, D2_USERNAME, D2_PASSWORD",
      "The same for any server for which none of the above are set."
    ),
    ("D2_STORE", "The store: a path (SQLite) or an address (postgresql://…)."),
    (
      "XDG_STATE_HOME",
      "The folder whose `d2` holds the store and the rejects by default (~/.local/state)."
    ),
    ("D2_RECORD", "The same as `--record`: a folder for each exchange with a server."),
    (
      "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY",
      "The proxy for https:// addresses, for http:// addresses, or for both (`socks5h://` too). Names in small letters count first."
    ),
    ("NO_PROXY", "The hosts that need no proxy, separated by commas; `*` means all."),
    ("TMPDIR", "The folder of temporary files; they have no names."),
  ]

  private static let files = [
    (
      "~/.local/state/d2/d2.sqlite",
      "The store, if `D2_STORE` and `--store` name no other. Only its owner can read it."
    )
  ]
}

extension OptionGroup {
  /// Whether it tells the same, word for word.
  fileprivate func isSame(as other: OptionGroup) -> Bool {
    title == other.title && options.map(\.names) == other.options.map(\.names)
      && options.map(\.help) == other.options.map(\.help)
  }
}
