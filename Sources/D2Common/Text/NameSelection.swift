/// An object that a user may name by its uid, code or name.
package protocol Named {
  var uid: String { get }
  var name: String { get }
  var code: String? { get }
  /// Distinguishes it from others with the same name.
  var distinction: String { get }
}

/// Finds the objects that a list of names means.
package struct NameSelection<Thing: Named> {
  private let things: [Thing]
  private var places: [String: [Int]] = [:]
  /// The kind, for messages: `organisation unit`.
  private let kind: String
  /// The place of the search, for messages: `in the store`.
  private let place: String

  package init(_ things: [Thing], kind: String, place: String = "in the store") {
    self.things = things
    self.kind = kind
    self.place = place
    for (place, thing) in things.enumerated() {
      for key in Set([thing.uid, thing.name, thing.code ?? thing.uid]) { places[key, default: []].append(place) }
    }
  }

  /// The objects that some words mean, without repeats. A word may be a list with commas. Names that contain commas are
  /// found too.
  ///
  /// - Throws: `CommandFailure`, 64 for a word that means no object, or several.
  package func find(_ words: [String]) throws(CommandFailure) -> [Thing] {
    var found: [Int] = []
    for word in words { found += try find(list: word) }
    var seen: Set<Int> = []
    return found.filter { seen.insert($0).inserted }.map { things[$0] }
  }

  private func find(list: String) throws(CommandFailure) -> [Int] {
    if let whole = try place(of: list) { return [whole] }
    var parts = list.split(separator: ",")[...]
    var found: [Int] = []
    while let first = parts.first?.trimmed {
      let (place, length) = try longest(parts)
      if let place { found.append(place) } else if !first.isEmpty { throw unknown(first) }
      parts = parts.dropFirst(max(length, 1))
    }
    return found
  }

  /// The object with a name, which is not split at commas.
  ///
  /// - Throws: `CommandFailure`, 64 for a name that means no object, or several.
  package func one(_ text: String) throws(CommandFailure) -> Thing {
    guard let place = try place(of: text) else { throw unknown(text) }
    return things[place]
  }

  /// The object at the beginning of a list, and the rest of the list.
  ///
  /// - Throws: `CommandFailure`, 64 if the list does not begin with a name.
  package func first(of list: String) throws(CommandFailure) -> (thing: Thing, rest: String?) {
    let parts = list.split(separator: ",")[...]
    let (place, length) = try longest(parts)
    guard let place else { throw unknown(parts.first?.trimmed ?? list) }
    let rest = parts.dropFirst(length).joined(separator: ",")
    return (things[place], rest.isEmpty ? nil : rest)
  }

  /// The longest sequence of parts, from the first, that is a name; length 0 if there is none.
  private func longest(_ parts: ArraySlice<Substring>) throws(CommandFailure) -> (place: Int?, length: Int) {
    for length in stride(from: parts.count, to: 0, by: -1) {
      if let place = try place(of: parts.prefix(length).joined(separator: ",").trimmed) { return (place, length) }
    }
    return (nil, 0)
  }

  /// Finds an object: uids take precedence over codes, and codes over names.
  private func place(of text: String) throws(CommandFailure) -> Int? {
    guard let candidates = places[text] ?? places[text.trimmed] else { return nil }
    for key in [\Thing.uid, \Thing.codeOrNothing, \Thing.name] {
      let matches = candidates.filter { things[$0][keyPath: key] == text || things[$0][keyPath: key] == text.trimmed }
      if matches.count == 1 { return matches[0] }
      if matches.count > 1 {
        throw CommandFailure(
          .usage,
          "\(counted(matches.count, kind)) are called \(text.quoted): "
            + matches.prefix(10).map { "\(things[$0].uid) (\(things[$0].distinction))" }.joined(separator: "; ")
            + ": give the uid")
      }
    }
    return nil
  }

  /// With more names than this, a suggestion takes too long to compute.
  private static var mostCompared: Int { 20_000 }

  private func unknown(_ text: String) -> CommandFailure {
    let known =
      things.count <= Self.mostCompared ? things.flatMap { [$0.name, $0.uid] + ($0.code.map { [$0] } ?? []) } : []
    let parts = Suggestion.containing(text, among: things.lazy.map(\.name))
    let meant = Suggestion.nearest(to: text, among: known).map { [$0] } ?? parts
    let hint = meant.isEmpty ? "" : "; did you mean \(meant.map(\.quoted).joined(separator: " or "))?"
    return CommandFailure(.usage, "no \(kind) \(text.quoted) \(place)\(hint)")
  }
}

extension Named {
  fileprivate var codeOrNothing: String { code ?? "\0" }
}
