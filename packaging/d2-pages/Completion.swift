import D2Common

/// What a shell needs to complete a command line, made of what the command says of itself.
struct Completion {
  enum Shell: String, CaseIterable { case bash, zsh, fish }

  /// A command line of its own: that of a verb, or that of the command if no verb stands, whose word is empty.
  private struct Line {
    let word: String
    let description: CommandDescription

    /// What stands beside the options; files, if it is nothing that has a name.
    var operand: CompletedName? { CompletedName(operands: description.operands) }
  }

  private let name: String
  private let lines: [Line]
  private var verbs: [Line] { lines.filter { !$0.word.isEmpty } }

  init(_ command: DescribedCommand) {
    name = command.name
    lines =
      command.verbs.map { Line(word: $0.verb(of: command.name), description: $0) }
      + [command.own].compactMap { $0.map { Line(word: "", description: $0) } }
  }

  /// Of a script.
  init(_ script: CommandDescription) {
    name = script.name
    lines = [Line(word: "", description: script)]
  }

  func script(_ shell: Shell) -> String {
    switch shell {
    case .bash: bash
    case .zsh: zsh
    case .fish: fish
    }
  }

  /// The words that a value may be; `nil` if it is free.
  private static func choices(_ option: any AnyOption) -> [String]? {
    if !option.choices.isEmpty { return option.choices }
    guard let value = option.value, value.contains("|") else { return nil }
    let words = value.split(separator: "|").map(String.init)
    return words.allSatisfy { $0.allSatisfy { $0.isLowercase || $0 == "-" || $0.isNumber } } ? words : nil
  }

  private static func takesFile(_ option: any AnyOption) -> Bool {
    ["FILE", "DIR", "FILE|-", "STORE"].contains(option.value)
  }

  /// All kinds of names that a command line may have.
  private var names: [CompletedName] {
    let all = lines.compactMap(\.operand) + lines.flatMap(\.description.options).compactMap { CompletedName($0) }
    return CompletedName.allCases.filter(all.contains)
  }

  // MARK: bash

  private var bash: String {
    let function = "_" + name.replacing("-", with: "_")
    return bashBeginning(function) + bashOptions + bashVerbs + bashValues + bashWords
      + "complete -o filenames -F \(function) \(name)\n"
  }

  private func bashBeginning(_ function: String) -> String {
    """
    # bash completion of \(name)
    \(function)() {
      local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options='' operands=file
      COMPREPLY=()
      # bash takes --option=value apart.
      if [[ $word == = ]]; then
        word=''
      elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
      fi

    """
  }

  /// The options of each verb, and what stands beside them.
  private var bashOptions: String {
    var text = "  case ${COMP_WORDS[1]} in\n"
    for line in lines {
      let names = line.description.options.flatMap(\.names).joined(separator: " ")
      text += "    \(line.word.isEmpty ? "*" : line.word)) options='\(names)'"
      text += line.operand.map { " operands=\($0.rawValue) ;;\n" } ?? " ;;\n"
    }
    return text + "  esac\n"
  }

  /// The first word is a verb, or may be one.
  private var bashVerbs: String {
    guard !verbs.isEmpty else { return "" }
    let mustBeVerb = verbs.count == lines.count
    let otherwise =
      mustBeVerb ? "return" : "mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$word\") && return"
    let text = """
        if ((COMP_CWORD == 1)) && [[ $word != -* ]]; then
          mapfile -t COMPREPLY < <(compgen -W '\(verbs.map(\.word).joined(separator: " "))' -- "$word")
          \(otherwise)
        fi

      """
    return text + (mustBeVerb ? "  ((COMP_CWORD > 1)) || options='--help --version'\n" : "")
  }

  /// What may follow an option.
  private var bashValues: String {
    var text = "  case $before in\n"
    var seen: Set<String> = []
    var files: [String] = []
    var named: [CompletedName: [String]] = [:]
    var others: [String] = []
    for option in lines.flatMap(\.description.options) where option.value != nil && seen.insert(option.name).inserted {
      if let choices = Self.choices(option) {
        text += """
              \(option.names.joined(separator: " | ")))
                mapfile -t COMPREPLY < <(compgen -W '\(choices.joined(separator: " "))' -- "$word") && return
                ;;

          """
      } else if Self.takesFile(option) {
        files += option.names
      } else if let name = CompletedName(option) {
        named[name, default: []] += option.names
      } else {
        others += option.names
      }
    }
    let kinds = CompletedName.allCases.map { (named[$0] ?? [], "options='' operands=\($0.rawValue)") }
    for (names, what) in [(files, "options='' operands=file")] + kinds + [(others, "return")] where !names.isEmpty {
      text += "    \(names.joined(separator: " | "))) \(what) ;;\n"
    }
    return text + "  esac\n"
  }

  /// Offers options, names or files.
  private var bashWords: String {
    let asked = names.map {
      "        \($0.rawValue)) \($0.command(pair: "--pair \"$pair\"", store: "\"${store[@]}\"")) ;;\n"
    }
    return """
        if [[ $options && $word == -* ]]; then
          mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        elif [[ $operands != file ]]; then
          # Names come from a store that others may write to: they are never given to the shell to expand.
          local name store=() pair='' place value
          [[ ${COMP_WORDS[1]-} == -* ]] || pair=${COMP_WORDS[1]-}
          for ((place = 1; place < ${#COMP_WORDS[@]} - 1; place++)); do
            name=${COMP_WORDS[place]}
            [[ $name == --store || $name == --pair ]] || continue
            [[ ${COMP_WORDS[place + 1]} != = ]] || ((place++))
            value=${COMP_WORDS[place + 1]-}
            # bash takes addresses apart, too, at colons, equals and at signs.
            while [[ ${COMP_WORDS[place + 2]-} == [:=@]* ]]; do
              value+=${COMP_WORDS[place + 2]}${COMP_WORDS[place + 3]-}
              ((place += 2))
            done
            # A word as it was typed: without its quotes, with the home folder, and nothing else of it is expanded.
            value=${value//[\\\"\\'\\\\]/}
            [[ $value != '~/'* ]] || value=$HOME/${value:2}
            if [[ $name == --store ]]; then store=(--store "$value"); else pair=$value; fi
          done
          while IFS= read -r name; do [[ $name != "$word"* ]] || COMPREPLY+=("$name"); done < \
      <(case $operands in
      \(asked.joined())        esac)
        else
          mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
      }

      """
  }

  // MARK: zsh

  /// Within single quotes, where brackets and colons end the parts of a specification.
  private static func zshQuoted(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("'", with: "'\\''").replacing("[", with: "\\[")
      .replacing("]", with: "\\]").replacing(":", with: "\\:")
  }

  /// What `_arguments` of zsh takes for an option.
  private static func zshArguments(_ option: any AnyOption) -> [String] {
    var action = ""
    if let value = option.value {
      action = ":\(zshQuoted(value)):"
      if let choices = choices(option) {
        action += "(\(choices.joined(separator: " ")))"
      } else if takesFile(option) {
        action += "_files"
      } else if let name = CompletedName(option) {
        action += zshFunction(name)
      }
    }
    let others = option.names.count > 1 && !option.repeats ? "(\(option.names.joined(separator: " ")))" : ""
    return option.names.map { name in
      let joins = option.value != nil && name.hasPrefix("--") ? "=" : ""
      return "'\(option.repeats ? "*" : others)\(name)\(joins)[\(zshQuoted(option.help))]\(action)'"
    }
  }

  private static func zshFunction(_ name: CompletedName) -> String { "_d2_\(name.rawValue)_names" }

  /// Offers names.
  private static func zshFunction(offering name: CompletedName) -> String {
    """
    \(zshFunction(name))() {
      local -a store pair names
      local option value
      local -i place
      [[ $words[2] == -* ]] || pair=(--pair "$words[2]")
      for option in --store --pair; do
        place=${words[(I)$option(|=*)]}
        ((place)) || continue
        value=${words[place]#$option=}
        [[ $value != $option ]] || value=${words[place + 1]}
        value=${(Q)value}
        [[ $value != '~/'* ]] || value=$HOME/${value[3,-1]}
        if [[ $option == --store ]]; then store=(--store "$value"); else pair=(--pair "$value"); fi
      done
      names=(${(f)"$(\(name.command(pair: "$pair", store: "$store")))"})
      compadd "$@" -a names
    }

    """
  }

  private var zsh: String {
    var text = "#compdef \(name)\n\n"
    for name in names { text += Self.zshFunction(offering: name) }
    if !verbs.isEmpty {
      text += "local -a verbs=(\n"
      for verb in verbs { text += "  '\(verb.word):\(Self.zshQuoted(verb.description.abstract))'\n" }
      text += ")\nif ((CURRENT == 2)) && [[ $PREFIX != -* ]]; then\n  _describe verb verbs\n"
      text += verbs.count == lines.count ? "  return\nfi\n" : "  _files\n  return\nfi\n"
      text += "case $words[2] in\n"
    }
    for line in lines {
      if !line.word.isEmpty {
        text += "\(line.word))\n  shift words\n  ((CURRENT--))\n"
      } else if !verbs.isEmpty {
        text += "*)\n"
      }
      let arguments = line.description.options.flatMap(Self.zshArguments).map { "    \($0) \\\n" }.joined()
      let operands = line.operand.map { "'*:\($0.rawValue):\(Self.zshFunction($0))'" } ?? "'*:file:_files'"
      text += "  _arguments \\\n\(arguments)    \(operands)\n"
      if !verbs.isEmpty { text += "  ;;\n" }
    }
    if !verbs.isEmpty {
      if verbs.count == lines.count {
        text += "*) _arguments '--help[Show the verbs.]' '--version[Show the version.]' ;;\n"
      }
      text += "esac\n"
    }
    return text
  }

  // MARK: fish

  private static func fishFunction(_ name: CompletedName) -> String { "__d2_\(name.rawValue)_names" }

  /// Prints names.
  private static func fishFunction(printing name: CompletedName) -> String {
    """
    function \(fishFunction(name))
      set -l words (commandline -op)
      set -l store
      set -l pair
      set -q words[2]; and not string match -q -- '-*' $words[2]; and set pair --pair $words[2]
      for place in (seq (count $words))
        switch $words[$place]
          case '--store=*'
            set store --store (string replace -- --store= '' $words[$place])
          case --store
            set -q words[(math $place + 1)]; and set store --store $words[(math $place + 1)]
          case '--pair=*'
            set pair --pair (string replace -- --pair= '' $words[$place])
          case --pair
            set -q words[(math $place + 1)]; and set pair --pair $words[(math $place + 1)]
        end
      end
      set -q store[2]; and set store[2] (string replace -r -- '^~/' $HOME/ $store[2])
      \(name.command(pair: "$pair", store: "$store"))
    end

    """
  }

  private var fish: String {
    func quoted(_ text: String) -> String { text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") }
    var text = "# fish completion of \(name)\n"
    for name in names { text += Self.fishFunction(printing: name) }
    for verb in verbs {
      let only = verbs.count == lines.count ? " -f" : ""
      text += "complete -c \(name) -n __fish_use_subcommand\(only) -a \(verb.word)"
      text += " -d '\(quoted(verb.description.abstract))'\n"
    }
    for line in lines {
      let condition =
        if !line.word.isEmpty {
          " -n '__fish_seen_subcommand_from \(line.word)'"
        } else if !verbs.isEmpty {
          " -n 'not __fish_seen_subcommand_from \(verbs.map(\.word).joined(separator: " "))'"
        } else {
          ""
        }
      if let operand = line.operand {
        text += "complete -c \(name)\(condition) -f -a '(\(Self.fishFunction(operand)))'\n"
      }
      for option in line.description.options {
        let names = option.names.map { $0.hasPrefix("--") ? "-l \($0.dropFirst(2))" : "-s \($0.dropFirst())" }
        var value = ""
        if option.value != nil {
          value = " -x"
          if let choices = Self.choices(option) {
            value += " -a '\(choices.joined(separator: " "))'"
          } else if Self.takesFile(option) {
            value = " -r -F"
          } else if let name = CompletedName(option) {
            value += " -a '(\(Self.fishFunction(name)))'"
          }
        }
        text += "complete -c \(name)\(condition) \(names.joined(separator: " "))\(value) -d '\(quoted(option.help))'\n"
      }
    }
    return text
  }
}
