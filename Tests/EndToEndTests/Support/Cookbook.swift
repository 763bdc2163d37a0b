import D2Common

/// The recipes of docs/cookbook.md, verbatim.
enum Cookbook {
  struct Recipe: Sendable {
    let title: String
    /// The target of links to it.
    let anchor: String
    fileprivate(set) var blocks: [Block] = []

    /// The commands that a reader types, by block.
    var commands: [String] { texts("sh") }
    /// The output lines that the page shows.
    var shown: [String] { texts("text").flatMap { $0.split(separator: "\n").map(String.init) } }

    func texts(_ kind: String) -> [String] { blocks.filter { $0.kind == kind }.map(\.text) }
  }

  /// A fenced block: `sh` is typed, `text` is shown output, `crontab` goes into one.
  struct Block: Sendable {
    let kind: String
    fileprivate(set) var text = ""
  }

  static let recipes = recipes(of: "docs/cookbook.md", under: "### ")

  /// The sections of the README with commands, as one recipe.
  static let readme: Recipe = {
    var readme = Recipe(title: "README", anchor: "readme")
    readme.blocks = recipes(of: "README.md", under: "## ").flatMap(\.blocks)
    return readme
  }()

  private static func recipes(of file: String, under heading: String) -> [Recipe] {
    let page = String(decoding: (try? FileBytes.read("\(World.package)/\(file)")) ?? [], as: UTF8.self)
    var recipes: [Recipe] = []
    var isInBlock = false
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isInBlock.toggle()
        if isInBlock { recipes[recipes.count - 1].blocks.append(Block(kind: String(line.dropFirst(3)))) }
      } else if isInBlock {
        let recipe = recipes.count - 1
        recipes[recipe].blocks[recipes[recipe].blocks.count - 1].text += line + "\n"
      } else if line.hasPrefix(heading) {
        let title = String(line.dropFirst(heading.count))
        recipes.append(Recipe(title: title, anchor: anchor(title)))
      }
    }
    return recipes
  }

  static func recipe(_ anchor: String) -> Recipe? { recipes.first { $0.anchor == anchor } }

  /// GitHub's anchor for a heading.
  private static func anchor(_ title: String) -> String {
    String(
      title.lowercased().compactMap { letter in
        if letter == " " { return "-" }
        return letter.isLetter || letter.isNumber || letter == "-" || letter == "_" ? letter : nil
      })
  }

  /// Whether a line of the page matches printed output. Any number matches a number, `…` matches anything, and any
  /// number of spaces matches one.
  static func matches(_ shown: String, _ printed: String) -> Bool {
    let parts = plain(shown).split(separator: "…", omittingEmptySubsequences: false).map(String.init)
    var rest = plain(printed)[...]
    guard parts.count > 1 else { return parts.first == String(rest) }
    guard rest.hasPrefix(parts[0]), rest.hasSuffix(parts[parts.count - 1]) else { return false }
    for part in parts where !part.isEmpty {
      guard let found = rest.firstRange(of: part) else { return false }
      rest = rest[found.upperBound...]
    }
    return true
  }

  private static func plain(_ line: String) -> String {
    var plain = ""
    for letter in line {
      let letter: Character = letter.isWhitespace ? " " : letter.isASCII && letter.isNumber ? "#" : letter
      if letter == " " && (plain.isEmpty || plain.last == " ") || letter == "#" && plain.last == "#" { continue }
      plain.append(letter)
    }
    while plain.last == " " { plain.removeLast() }
    return plain
  }
}
