import D2Common

extension DescribedCommand {
  /// Reads what a command printed with `--describe`.
  ///
  /// - Throws: `CommandFailure`, 65.
  init(_ json: JSONValue) throws(CommandFailure) {
    let own = json["own"]
    self.init(
      name: try json.text("name"), abstract: try json.text("abstract"), manual: try Manual(json.value("manual")),
      own: own == nil || own == .null ? nil : try CommandDescription(json.value("own")),
      verbs: try json.list("verbs") { (verb) throws(CommandFailure) in try CommandDescription(verb) })
  }
}

extension CommandDescription {
  fileprivate init(_ json: JSONValue) throws(CommandFailure) {
    let groups = try json.list("groups") { (group) throws(CommandFailure) in
      OptionGroup(
        try group.text("title"),
        try group.list("options") { (option) throws(CommandFailure) in try DescribedOption(option) })
    }
    guard let common = groups.last else { throw JSONValue.lacking("groups") }
    self.init(
      name: try json.text("name"), abstract: try json.text("abstract"),
      examples: try json.list("examples") { (example) throws(CommandFailure) in
        (try example.text("command"), try example.text("effect"))
      }, groups: Array(groups.dropLast()),
      statuses: try json.list("statuses") { (status) throws(CommandFailure) in
        guard let number = status["status"]?.int, let known = ExitStatus(rawValue: Int32(number)) else {
          throw JSONValue.lacking("status")
        }
        return (known, try status.text("meaning"))
      }, operands: try json.text("operands"), common: common)
  }
}

/// An option of another command: enough to tell of it, not to read it.
private struct DescribedOption: AnyOption {
  let names: [String]
  let value: String?
  let help: String
  let repeats: Bool

  init(_ json: JSONValue) throws(CommandFailure) {
    names = (json["names"]?.array ?? []).compactMap(\.string)
    guard !names.isEmpty else { throw JSONValue.lacking("names") }
    value = json["value"]?.string
    help = try json.text("help")
    repeats = json["repeats"]?.bool ?? false
  }

  func check(_ texts: [String]) {}
}

extension Manual {
  fileprivate init(_ json: JSONValue) throws(CommandFailure) {
    func entries(_ key: String) throws(CommandFailure) -> [(name: String, meaning: String)] {
      try json.list(key) { (entry) throws(CommandFailure) in (try entry.text("name"), try entry.text("meaning")) }
    }
    self.init(
      (json["description"]?.array ?? []).compactMap(\.string), environment: try entries("environment"),
      files: try entries("files"))
  }
}

extension JSONValue {
  fileprivate static func lacking(_ key: String) -> CommandFailure {
    CommandFailure(.malformedInput, "the description lacks \(key): give what a command of d2 prints with --describe")
  }

  fileprivate func value(_ key: String) throws(CommandFailure) -> JSONValue {
    guard let value = self[key] else { throw Self.lacking(key) }
    return value
  }

  fileprivate func text(_ key: String) throws(CommandFailure) -> String {
    guard let text = self[key]?.string else { throw Self.lacking(key) }
    return text
  }

  fileprivate func list<Element>(
    _ key: String, _ read: (JSONValue) throws(CommandFailure) -> Element
  ) throws(CommandFailure) -> [Element] {
    guard let elements = self[key]?.array else { throw Self.lacking(key) }
    var list: [Element] = []
    for element in elements { list.append(try read(element)) }
    return list
  }
}
