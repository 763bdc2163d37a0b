extension CommandDescription {
  /// The output of `--describe`, for the tool that makes manual pages and completions (`d2-pages`).
  ///
  /// - Parameter own: the description of the command without a verb; `nil` if it needs one.
  static func json(
    name: String, abstract: String, manual: Manual, own: CommandDescription?, verbs: [Verb]
  ) -> JSONValue {
    [
      "name": .string(name), "abstract": .string(abstract), "manual": manual.json, "own": own?.json ?? .null,
      "verbs": .array(verbs.map(\.description.json)),
    ]
  }

  private var json: JSONValue {
    [
      "name": .string(name), "abstract": .string(abstract), "operands": .string(operands),
      "examples": .array(examples.map { ["command": .string($0.command), "effect": .string($0.effect)] }),
      "groups": .array(groups.map { ["title": .string($0.title), "options": .array($0.options.map(\.json))] }),
      "statuses": .array(statuses.map { ["status": .int(Int($0.status.rawValue)), "meaning": .string($0.meaning)] }),
    ]
  }
}

extension AnyOption {
  fileprivate var json: JSONValue {
    [
      "names": .array(names.map { .string($0) }), "value": .string(orNull: value), "help": .string(help),
      "repeats": .bool(repeats), "choices": .array(choices.map { .string($0) }),
    ]
  }
}

extension Manual {
  fileprivate var json: JSONValue {
    func list(_ entries: [(name: String, meaning: String)]) -> JSONValue {
      .array(entries.map { ["name": .string($0.name), "meaning": .string($0.meaning)] })
    }
    return [
      "description": .array(description.map { .string($0) }), "environment": list(environment), "files": list(files),
    ]
  }
}
