import D2Common

/// What a command says of itself.
struct DescribedCommand {
  let name: String
  let abstract: String
  let manual: Manual
  /// What it does where no verb stands; `nil` if one must.
  let own: CommandDescription?
  let verbs: [CommandDescription]

  /// Its own command line and those of its verbs.
  var lines: [CommandDescription] { [own].compactMap { $0 } + verbs }

  /// Reads what a command printed with `--describe`.
  ///
  /// - Throws: `CommandFailure`, 65.
  init(_ json: JSONValue) throws {
    name = try json.text("name")
    abstract = try json.text("abstract")
    manual = try Manual(
      json.value("manual").list("description").compactMap(\.string),
      environment: json.value("manual").entries("environment"), files: json.value("manual").entries("files"))
    own = try json["own"].flatMap { $0 == .null ? nil : try CommandDescription($0) }
    verbs = try json.list("verbs").map { try CommandDescription($0) }
  }
}

extension CommandDescription {
  fileprivate init(_ json: JSONValue) throws {
    let groups = try json.list("groups").map {
      OptionGroup(try $0.text("title"), try $0.list("options").map { try DescribedOption($0) })
    }
    self.init(
      name: try json.text("name"), abstract: try json.text("abstract"),
      examples: try json.list("examples").map { (try $0.text("command"), try $0.text("effect")) },
      groups: groups.dropLast(),
      statuses: try json.list("statuses").map {
        (ExitStatus(rawValue: Int32($0["status"]?.int ?? 0)) ?? .success, try $0.text("meaning"))
      }, operands: try json.text("operands"), common: groups.last ?? OptionGroup("", []))
  }
}

/// An option of another command: enough to tell of it, not to read it.
struct DescribedOption: AnyOption {
  let names: [String]
  let value: String?
  let help: String
  let repeats: Bool
  let choices: [String]

  func check(_ texts: [String]) {}
}

extension DescribedOption {
  fileprivate init(_ json: JSONValue) throws {
    self.init(
      names: try json.list("names").compactMap(\.string), value: json["value"]?.string, help: try json.text("help"),
      repeats: json["repeats"]?.bool ?? false, choices: json["choices"]?.array?.compactMap(\.string) ?? [])
  }
}

extension JSONValue {
  fileprivate func value(_ key: String) throws(CommandFailure) -> JSONValue {
    guard let value = self[key] else {
      throw CommandFailure(
        .malformedInput, "the description lacks \(key): give what a command of d2 prints with --describe")
    }
    return value
  }

  fileprivate func text(_ key: String) throws(CommandFailure) -> String { try value(key).string ?? "" }

  fileprivate func list(_ key: String) throws(CommandFailure) -> [JSONValue] { try value(key).array ?? [] }

  fileprivate func entries(_ key: String) throws -> [(name: String, meaning: String)] {
    try list(key).map { (try $0.text("name"), try $0.text("meaning")) }
  }
}
