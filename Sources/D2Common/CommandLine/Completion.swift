/// What a shell needs to complete a command line, made of what the command says of itself.
package struct Completion {
  package enum Shell: String, CaseIterable { case bash, zsh, fish }

  private let name: String
  /// The options of the command, or of each of its verbs.
  private let verbs: [(word: String, abstract: String, options: [Option])]
  private var hasVerbs: Bool { !verbs[0].word.isEmpty }

  package init(_ command: CommandDescription) {
    name = command.name
    verbs = [("", command.abstract, command.options)]
  }

  package init(name: String, _ verbs: [Verb]) {
    self.name = name
    self.verbs = verbs.map { ($0.word(of: name), $0.description.abstract, $0.description.options) }
  }

  package func script(_ shell: Shell) -> String {
    switch shell {
    case .bash: bash
    case .zsh: zsh
    case .fish: fish
    }
  }

  /// The words that a value may be: `json|table|tsv`; `nil` where it is free.
  private static func choices(_ option: Option) -> [String]? {
    guard let value = option.value, value.contains("|") else { return nil }
    let words = value.split(separator: "|").map(String.init)
    return words.allSatisfy { $0.allSatisfy { $0.isLowercase || $0 == "-" || $0.isNumber } } ? words : nil
  }

  private static func takesFile(_ option: Option) -> Bool {
    ["FILE", "DIR", "FILE|-"].contains(option.value)
  }

  private static func takesPair(_ option: Option) -> Bool { option.value == "PAIR" }

  /// The names of the pairs in the store.
  private static let pairs = "d2-pairs list --format tsv 2>/dev/null | tail -n +2 | cut -f1"

  // MARK: bash

  private var bash: String {
    let function = "_" + name.replacing("-", with: "_")
    var text = """
      # bash completion of \(name)
      \(function)() {
        local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options=''
        COMPREPLY=()

      """
    if hasVerbs {
      text += """
          if ((COMP_CWORD == 1)); then
            mapfile -t COMPREPLY < <(compgen -W '\(verbs.map(\.word).joined(separator: " ")) --help --version' -- "$word")
            return
          fi

        """
    }
    text += "  case $before in\n"
    var seen: Set<String> = []
    for option in verbs.flatMap(\.options) where option.value != nil && seen.insert(option.name).inserted {
      let names = option.names.joined(separator: " | ")
      if let choices = Self.choices(option) {
        text +=
          "    \(names)) mapfile -t COMPREPLY < <(compgen -W '\(choices.joined(separator: " "))' -- \"$word\") && return ;;\n"
      } else if Self.takesFile(option) {
        text += "    \(names)) mapfile -t COMPREPLY < <(compgen -f -- \"$word\") && return ;;\n"
      } else if Self.takesPair(option) {
        text += "    \(names)) mapfile -t COMPREPLY < <(compgen -W \"$(\(Self.pairs))\" -- \"$word\") && return ;;\n"
      } else {
        text += "    \(names)) return ;;\n"
      }
    }
    text += "  esac\n  case ${COMP_WORDS[1]} in\n"
    for verb in verbs {
      let names = verb.options.flatMap(\.names).joined(separator: " ")
      text += "    \(verb.word.isEmpty ? "*" : verb.word)) options='\(names)' ;;\n"
    }
    return text + """
        esac
        if [[ $word == -* ]]; then
          mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        else
          mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
      }
      complete -o filenames -F \(function) \(name)

      """
  }

  // MARK: zsh

  private var zsh: String {
    func quoted(_ text: String) -> String {
      text.replacing("'", with: "'\\''").replacing("[", with: "\\[").replacing("]", with: "\\]").replacing(
        ":", with: "\\:")
    }
    func argument(_ option: Option) -> String {
      let names =
        option.names.count == 1
        ? option.name : "{" + option.names.joined(separator: ",") + "}"
      var action = ""
      if let value = option.value {
        action = ":\(quoted(value)):"
        if let choices = Self.choices(option) {
          action += "(\(choices.joined(separator: " ")))"
        } else if Self.takesFile(option) {
          action += "_files"
        } else if Self.takesPair(option) {
          action += "($(\(Self.pairs)))"
        }
      }
      let star = option.repeats ? "*" : ""
      return "\(star.isEmpty ? "" : "'*'")\(names)'[\(quoted(option.help))]\(action)'"
    }
    var text = "#compdef \(name)\n\n"
    if hasVerbs {
      text += "local -a verbs=(\n"
      for verb in verbs { text += "  '\(verb.word):\(quoted(verb.abstract))'\n" }
      text +=
        ")\nif ((CURRENT == 2)); then\n  _describe verb verbs\n  return\nfi\nlocal verb=$words[2]\nshift words\n((CURRENT--))\ncase $verb in\n"
    }
    for verb in verbs {
      let lines = verb.options.map { "  " + argument($0) }.joined(separator: " \\\n")
      if hasVerbs { text += "\(verb.word))\n" }
      text += "_arguments \\\n\(lines) \\\n  '*:file:_files'\n"
      if hasVerbs { text += ";;\n" }
    }
    return text + (hasVerbs ? "esac\n" : "")
  }

  // MARK: fish

  private var fish: String {
    func quoted(_ text: String) -> String { text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") }
    var text = "# fish completion of \(name)\n"
    if hasVerbs {
      for verb in verbs {
        text += "complete -c \(name) -n __fish_use_subcommand -f -a \(verb.word) -d '\(quoted(verb.abstract))'\n"
      }
    }
    for verb in verbs {
      let condition = hasVerbs ? " -n '__fish_seen_subcommand_from \(verb.word)'" : ""
      for option in verb.options {
        let names = option.names.map { $0.hasPrefix("--") ? "-l \($0.dropFirst(2))" : "-s \($0.dropFirst())" }
        var value = ""
        if option.value != nil {
          value = " -x"
          if let choices = Self.choices(option) {
            value += " -a '\(choices.joined(separator: " "))'"
          } else if Self.takesFile(option) {
            value = " -r -F"
          } else if Self.takesPair(option) {
            value += " -a '(\(Self.pairs))'"
          }
        }
        text += "complete -c \(name)\(condition) \(names.joined(separator: " "))\(value) -d '\(quoted(option.help))'\n"
      }
    }
    return text
  }
}
