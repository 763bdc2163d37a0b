import D2Common

/// The words of `--only`: organisation units by name, whole levels, and groups.
///
///     Bo,Kenema             two units, each with all below it
///     LEVEL-3               each unit of level 3, with all below it
///     LEVEL-3,Bo            those of them that are below Bo
///     GROUP:Urban,LEVEL-4   the units of a group, and those of level 4
package struct OrgUnitWords: Sendable, Equatable {
  /// Levels, by number or name.
  package private(set) var levels: [String] = []
  /// Lists that begin with the name, code or uid of a group. Names may contain commas.
  package private(set) var groups: [String] = []
  /// A list of units; `nil` if there are none.
  package private(set) var units: String?

  private static let level = "LEVEL-"
  private static let group = "GROUP:"

  package init(_ text: String) {
    var names: [Substring] = []
    var isGroup = false
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let word = part.trimmed
      if let rest = Self.rest(of: word, behind: Self.level) {
        levels.append(rest)
        isGroup = false
      } else if let rest = Self.rest(of: word, behind: Self.group) {
        groups.append(rest)
        isGroup = true
      } else if isGroup {
        groups[groups.count - 1] += ",\(part)"
      } else {
        names.append(part)
      }
    }
    let list = names.joined(separator: ",")
    if !list.trimmed.isEmpty { units = list }
  }

  private static func rest(of word: String, behind prefix: String) -> String? {
    guard word.uppercased().hasPrefix(prefix) else { return nil }
    let rest = String(word.dropFirst(prefix.count))
    return rest.isEmpty ? nil : rest
  }

  /// Whether there are levels or groups among the words.
  package var needsServer: Bool { !levels.isEmpty || !groups.isEmpty }
}
