import D2Common

/// The parameter `fields`: `id,name,parent[id,name],*`.
struct FieldFilter {
  /// One requested key.
  struct Field {
    var name: String
    var renamed: String?
    /// The requested keys inside; `nil` for the short form.
    var inner: FieldFilter?
  }

  private(set) var fields: [Field] = []
  private(set) var excluded: Set<String> = []
  /// `*`, `:all`, `:owner`: all keys of the object.
  private(set) var isAll = false
  private(set) var presets: Set<String> = []

  init(_ text: String) {
    var at = Array(text)[...]
    self.init(&at)
  }

  private init(_ at: inout ArraySlice<Character>) {
    var word = ""
    var inner: FieldFilter?
    func finish(_ filter: inout FieldFilter) {
      filter.add(word.split(separator: " ").joined(), inner)
      word = ""
      inner = nil
    }
    while let character = at.popFirst() {
      switch character {
      case ",": finish(&self)
      case "[": inner = FieldFilter(&at)
      case "]":
        finish(&self)
        return
      default: word.append(character)
      }
    }
    finish(&self)
  }

  private mutating func add(_ word: String, _ inner: FieldFilter?) {
    guard !word.isEmpty else { return }
    if word == "*" || word == ":all" || word == ":owner" {
      isAll = true
    } else if word.hasPrefix(":") {
      presets.insert(word)
    } else if word.hasPrefix("!") {
      excluded.insert(String(word.dropFirst()))
    } else {
      let parts = word.split(separator: "~", maxSplits: 1)
      var renamed: String?
      if parts.count == 2, parts[1].hasPrefix("rename("), parts[1].hasSuffix(")") {
        renamed = String(parts[1].dropFirst(7).dropLast())
      }
      fields.append(Field(name: String(parts[0]), renamed: renamed, inner: inner))
    }
  }

  /// Keeps the requested keys of a finished document.
  func apply(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      .object(
        members.compactMap { member in
          guard !excluded.contains(member.key) else { return nil }
          if let field = fields.first(where: { $0.name == member.key }) {
            return .init(field.renamed ?? member.key, field.inner?.apply(member.value) ?? member.value)
          }
          return isAll ? member : nil
        })
    case .array(let elements): .array(elements.map(apply))
    default: value
    }
  }
}
