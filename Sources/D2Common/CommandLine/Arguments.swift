/// The input of a command: the parsed options of its command line, the environment and the clock.
package struct Arguments: Sendable {
  private var values: [String: [String]] = [:]
  /// The operands of the command line.
  package private(set) var operands: [String] = []
  /// The operands after `--`.
  package private(set) var operandsBehindDashes: ArraySlice<String> = []
  /// The name of the command without its verb: `d2-pairs`.
  package let commandName: String
  /// The environment's variables.
  package let environment: [String: String]
  /// Returns the current time.
  package let now: @Sendable () -> UTCTime
  /// The command's options, by their first names.
  private let declared: [String: any AnyOption]

  /// - Throws: `CommandFailure`, 64, like `init(unchecked:_:)` and `check`.
  package init(
    _ words: [String], _ command: CommandDescription, environment: [String: String] = [:],
    now: @escaping @Sendable () -> UTCTime = { .now }
  ) throws(CommandFailure) {
    try self.init(unchecked: words, command, environment, now)
    try check(command.options)
  }

  /// Separates options, their texts and operands.
  ///
  /// - Throws: `CommandFailure`, 64, with the option, and a suggestion if it looks mistyped.
  init(
    unchecked words: [String], _ command: CommandDescription, _ environment: [String: String],
    _ now: @escaping @Sendable () -> UTCTime
  ) throws(CommandFailure) {
    self.environment = environment
    self.now = now
    commandName = String(command.name.prefix { $0 != " " })
    declared = Dictionary(command.options.map { ($0.name, $0) }) { first, _ in first }
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        operandsBehindDashes = rest
        return
      }
      guard word.hasPrefix("-"), word != "-" else {
        operands.append(word)
        continue
      }
      let equals = word.hasPrefix("--") ? word.firstIndex(of: "=") : nil
      let name = equals.map { String(word[..<$0]) } ?? word
      if !word.hasPrefix("--"), word.count > 2, let option = command.option(named: String(word.prefix(2))) {
        // -y2022
        guard option.value != nil else { throw CommandFailure(.usage, "\(word.prefix(2)) takes no value") }
        try add(String(word.dropFirst(2)), to: option)
        continue
      }
      guard let option = command.option(named: name) else { throw Self.unknown(name, command) }
      if option.value == nil {
        guard equals == nil else { throw CommandFailure(.usage, "\(name) takes no value") }
        try add("", to: option)
      } else if let equals {
        try add(String(word[word.index(after: equals)...]), to: option)
      } else if let value = rest.popFirst() {
        try add(value, to: option)
      } else {
        throw CommandFailure(.usage, "\(name) needs a value: \(option.value!)")
      }
    }
  }

  /// Checks the texts of options before the options are read.
  ///
  /// - Throws: `CommandFailure`, 64, with the expected value.
  func check(_ options: [any AnyOption]) throws(CommandFailure) {
    for option in options where values[option.name] != nil { try option.check(texts(of: option)) }
  }

  private mutating func add(_ value: String, to option: any AnyOption) throws(CommandFailure) {
    values[option.name, default: []].append(value)
    guard option.repeats || values[option.name]!.count == 1 else {
      throw CommandFailure(.usage, "\(option.name) is given twice")
    }
  }

  /// Options that other tools have for secrets, and d2's alternatives.
  private static let secrets = [
    (names: ["--pat", "--token", "--api-token"], file: "--pat-file", variable: "PAT"),
    (names: ["--password", "--pass", "-p"], file: "--password-file", variable: "PASSWORD"),
  ]

  private static func unknown(_ name: String, _ command: CommandDescription) -> CommandFailure {
    if let secret = secrets.first(where: { $0.names.contains(name) }), command.option(named: secret.file) != nil {
      return CommandFailure(
        .usage,
        "\(name): a command line takes no secret, because ps would show it. Write it into a file and give \(secret.file) FILE, or set D2_SOURCE_\(secret.variable) or D2_DESTINATION_\(secret.variable)"
      )
    }
    let nearest = name.count > 3 ? Suggestion.nearest(to: name, among: command.options.flatMap(\.names)) : nil
    let hint = nearest.map { "; did you mean \($0)?" } ?? ""
    return CommandFailure(.usage, "unknown option \(name)\(hint) (\(command.name) --help lists them)")
  }

  /// Today, in the local time zone of the command.
  package var today: CalendarDate { CalendarDate(localAt: now()) }

  // MARK: Reading

  /// The value of an option. If the option is not given, the value for its absence: `nil`, `false`, or an empty list.
  ///
  /// The command must have declared it. Otherwise it is a bug, which stops the tests.
  package subscript<Value>(_ option: Option<Value>) -> Value {
    assert(declares(option), "\(commandName) does not declare \(option.name)")
    return self[ifDeclared: option]
  }

  /// The same for an option that only some commands declare.
  package subscript<Value>(ifDeclared option: Option<Value>) -> Value {
    do { return try option.read(declares(option) ? texts(of: option) : []) } catch {
      preconditionFailure("\(option.name) was not checked: \(error)")
    }
  }

  /// The value of an option whose format depends on other options.
  ///
  /// - Throws: `CommandFailure`, 64.
  package func value<Parsed>(
    of option: Option<String?>, as reader: ValueReader<Parsed>
  ) throws(CommandFailure) -> Parsed? {
    guard let text = self[option] else { return nil }
    return try reader.value(of: text, of: option.name)
  }

  /// Whether the command line has an option.
  package func has(_ option: any AnyOption) -> Bool {
    assert(declares(option), "\(commandName) does not declare \(option.name)")
    return values[option.name] != nil
  }

  /// The first of some options that the command line has.
  package func first(of options: [any AnyOption]) -> (any AnyOption)? { options.first(where: has) }

  /// The texts as written, to pass them on.
  package func texts(of option: any AnyOption) -> [String] { values[option.name] ?? [] }

  /// Whether the command declares this option, and not only another one with its name.
  package func declares(_ option: any AnyOption) -> Bool {
    declared[option.name].map { type(of: $0) == type(of: option) } ?? false
  }
}
