/// One option of a command: how it is written, what its help says, and how its value is read.
///
/// It is declared once, and read by that declaration:
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
  /// What shells offer for its value.
  package private(set) var choices: [String] = []
  /// Makes a value of the texts that were given: none if the option was not.
  let read: @Sendable (_ texts: [String]) throws(CommandFailure) -> Value

  /// The same option in a command that describes it in its own words.
  package func described(_ help: String, value: String? = nil) -> Self {
    Self(names: names, value: value ?? self.value, help: help, repeats: repeats, choices: choices, read: read)
  }

  /// The same option, for whose value shells offer some words.
  package func offering(_ choices: [String]) -> Self {
    var option = self
    option.choices = choices
    return option
  }

  package func check(_ texts: [String]) throws(CommandFailure) { _ = try read(texts) }
}

/// An option without a value: given or not.
package typealias Flag = Option<Bool>

/// What help, manual page and completions know of an option, and what reading the command line needs of it.
package protocol AnyOption: Sendable {
  /// Long name first: `["--period", "-p"]`.
  var names: [String] { get }
  /// What the value is called in the help; `nil` for a flag.
  var value: String? { get }
  var help: String { get }
  /// Whether it may be given several times, or its value be a comma-separated list.
  var repeats: Bool { get }
  /// The words that shells offer for its value; empty if it is free.
  var choices: [String] { get }

  /// - Throws: `CommandFailure`, 64 if it cannot have these values.
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
  /// A text, as it was given.
  package init(_ names: String..., value: String, help: String) {
    self.init(names: names, value: value, help: help, repeats: false) { $0.last }
  }
}

extension Option {
  /// A value that `reader` understands; `nil` if the option is not given.
  ///
  /// - Parameter value: what it is called in the help, if the reader's word is not enough.
  package init<Parsed>(_ names: String..., value: String? = nil, as reader: ValueReader<Parsed>, help: String)
  where Value == Parsed? {
    let name = names[0]
    self.init(names: names, value: value ?? reader.name, help: help, repeats: false, choices: reader.choices) {
      (texts) throws(CommandFailure) in
      guard let text = texts.last else { return nil }
      return try reader.value(of: text, of: name)
    }
  }

  /// Values of an option that repeats, and whose texts may be comma-separated lists.
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
  /// Texts of an option that repeats.
  ///
  /// - Parameter splits: whether each text may be a comma-separated list; not that of names, which may hold commas:
  ///   `NameSelection` understands those.
  package init(_ names: String..., values: String, splits: Bool = true, help: String) {
    self.init(names: names, value: values, help: help, repeats: true) { splits ? $0.flatMap(\.listed) : $0 }
  }
}

extension String {
  /// The parts of a comma-separated list.
  package var listed: [String] { split(separator: ",").map(\.trimmed).filter { !$0.isEmpty } }
}
