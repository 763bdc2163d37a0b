/// One option of a command: its names, its help, and the parser of its value.
///
/// It is declared once. The declaration also reads it:
///
///     static let dryRun = Flag("--dry-run", help: "Change nothing.")
///     static let jobs = Option("--jobs", "-j", as: .number(in: 1...256), help: "Slices at a time (default 1).")
///     static let units = Option("--unit", values: "UID", help: "Select these organisation units.")
///
///     arguments[dryRun]     // Bool
///     arguments[jobs] ?? 1  // Int?
///     arguments[units]      // [String]
package struct Option<Value: Sendable>: AnyOption {
  package let names: [String]
  package let value: String?
  package let help: String
  package let repeats: Bool
  /// The words that shells offer for its value.
  package private(set) var choices: [String] = []
  /// Makes the value from the given texts; the list is empty if the option was not given.
  let read: @Sendable (_ texts: [String]) throws(CommandFailure) -> Value

  /// The same option with another description.
  package func described(_ help: String, value: String? = nil) -> Self {
    Self(names: names, value: value ?? self.value, help: help, repeats: repeats, choices: choices, read: read)
  }

  /// The same option with words that shells offer for its value.
  package func offering(_ choices: [String]) -> Self {
    var option = self
    option.choices = choices
    return option
  }

  package func check(_ texts: [String]) throws(CommandFailure) { _ = try read(texts) }
}

/// An option without a value: given or not.
package typealias Flag = Option<Bool>

/// The properties of an option for help, manual page, completions and the parser.
package protocol AnyOption: Sendable {
  /// The names, with the long one first: `["--period", "-p"]`.
  var names: [String] { get }
  /// The placeholder for the value in the help; `nil` for a flag.
  var value: String? { get }
  var help: String { get }
  /// Whether it may occur several times, or have a comma-separated list as its value.
  var repeats: Bool { get }
  /// The words that shells offer for its value; empty if any text is possible.
  var choices: [String] { get }

  /// - Throws: `CommandFailure`, 64 if the texts are not valid.
  func check(_ texts: [String]) throws(CommandFailure)
}

extension AnyOption {
  package var name: String { names[0] }
}

extension Option where Value == Bool {
  package init(_ names: String..., help: String) {
    self.init(names: names, value: nil, help: help, repeats: false) { !$0.isEmpty }
  }
}

extension Option where Value == String? {
  /// An option with a text, verbatim.
  package init(_ names: String..., value: String, help: String) {
    self.init(names: names, value: value, help: help, repeats: false) { $0.last }
  }
}

extension Option {
  /// An option with a value that `reader` parses; `nil` if the option is not given.
  ///
  /// - Parameter value: the placeholder in the help, if the reader's own is not clear enough.
  package init<Parsed>(_ names: String..., value: String? = nil, as reader: ValueReader<Parsed>, help: String)
  where Value == Parsed? {
    let name = names[0]
    self.init(names: names, value: value ?? reader.name, help: help, repeats: false, choices: reader.choices) {
      (texts) throws(CommandFailure) in
      guard let text = texts.last else { return nil }
      return try reader.value(of: text, of: name)
    }
  }

  /// An option that may occur several times, and whose texts may be comma-separated lists.
  package init<Parsed>(_ names: String..., values: String, as reader: ValueReader<Parsed>, help: String)
  where Value == [Parsed] {
    let name = names[0]
    self.init(names: names, value: values, help: help, repeats: true, choices: reader.choices) {
      (texts) throws(CommandFailure) in
      var values: [Parsed] = []
      for text in texts.flatMap(\.listed) { values.append(try reader.value(of: text, of: name)) }
      return values
    }
  }
}

extension Option where Value == [String] {
  /// An option with texts that may occur several times.
  ///
  /// - Parameter splits: whether each text may be a comma-separated list. Lists of names are not split here, because
  ///   names may contain commas: `NameSelection` handles them.
  package init(_ names: String..., values: String, splits: Bool = true, help: String) {
    self.init(names: names, value: values, help: help, repeats: true) { splits ? $0.flatMap(\.listed) : $0 }
  }
}

extension String {
  /// The parts of a comma-separated list.
  package var listed: [String] { split(separator: ",").map(\.trimmed).filter { !$0.isEmpty } }
}
