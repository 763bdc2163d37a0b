/// Options under a common heading.
package struct OptionGroup: Sendable {
  package let title: String
  package let options: [any AnyOption]

  package init(_ title: String, _ options: [any AnyOption]) {
    self.title = title
    self.options = options
  }
}

/// The definition of a command's interface. `--help`, the parsing of the command line, man page and completions all use
/// it.
package struct CommandDescription: Sendable {
  package let name: String
  /// A sentence about what it does.
  package let abstract: String
  /// Working command lines, each with its effect.
  package let examples: [(command: String, effect: String)]
  package let groups: [OptionGroup]
  /// Exit statuses that this command explains in its own words.
  package let statuses: [(status: ExitStatus, meaning: String)]
  /// The operands in the command line: `PAIR`; empty if there are none.
  package let operands: String
  /// Further text for its manual page.
  package let manual: Manual

  package init(
    name: String, abstract: String, examples: [(command: String, effect: String)], groups: [OptionGroup],
    statuses: [(status: ExitStatus, meaning: String)], operands: String = "",
    manual: Manual = Manual(), common: OptionGroup = Self.common
  ) {
    self.manual = manual
    self.operands = operands
    self.name = name
    self.abstract = abstract
    self.examples = examples
    self.groups = groups + [common]
    self.statuses = statuses
  }

  static let quiet = Flag("--quiet", help: "Show only errors on stderr.")
  package static let verbose = Flag("--verbose", help: "Show each request on stderr.")
  static let logFormat = Option(
    "--log-format", as: .one(of: Log.Format.self), help: "Write the messages on stderr as text or as JSON.")
  static let help = Flag("--help", "-h", help: "Show examples, options and exit statuses.")
  static let version = Flag("--version", help: "Show the version.")

  package static let common = OptionGroup("Messages", [quiet, verbose, logFormat, help, version])

  /// The word of a verb: `add` of `d2-pairs add`.
  package func verb(of command: String) -> String { String(name.dropFirst(command.count + 1)) }

  package var options: [any AnyOption] { groups.flatMap(\.options) }

  func option(named name: String) -> (any AnyOption)? { options.first { $0.names.contains(name) } }

  /// The text of `--help`.
  package func helpText(width: Int = 100) -> String {
    var text = "\(name) - \(abstract)\n"
    if !operands.isEmpty { text += "\n  \(name) \(operands) [OPTION …]\n" }
    text += "\nExamples:\n"
    for example in examples { text += "\n  # \(example.effect)\n  \(example.command)\n" }
    for group in groups {
      text += "\n\(group.title):\n"
      for option in group.options {
        let head = "  " + option.names.reversed().joined(separator: ", ") + (option.value.map { " \($0)" } ?? "")
        text += Self.entry(
          head, option.help + (option.repeats ? " Can be repeated or comma-separated." : ""), width)
      }
    }
    text += "\nExit status:\n"
    for status in statuses { text += Self.entry("  \(status.status.rawValue)", status.meaning, width, indent: 8) }
    return text + Self.pointer(to: String(name.prefix { $0 != " " }))
  }

  /// A pointer to further documentation.
  static func pointer(to command: String) -> String {
    command == "d2" ? "\nAn overview: man d2\n" : "\nMore: man \(command). An overview: man d2\n"
  }

  /// A heading and its help, wrapped and indented.
  private static func entry(_ head: String, _ help: String, _ width: Int, indent: Int = 32) -> String {
    func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }
    var lines = head.count < indent - 1 ? [head + spaces(indent - head.count)] : [head, spaces(indent)]
    for word in help.split(separator: " ") {
      let last = lines.count - 1
      let isStart = lines[last].count <= indent
      if !isStart, lines[last].count + 1 + word.count > width {
        lines.append(spaces(indent) + word)
      } else {
        lines[last] += (isStart ? "" : " ") + word
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
