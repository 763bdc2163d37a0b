/// Something that a person may name by its uid, code or name.
package protocol Named {
  var uid: String { get }
  var name: String { get }
  var code: String? { get }
  /// What tells it from others of the same name.
  var distinction: String { get }
}

/// Finds what a list of names means.
package struct NameSelection<Thing: Named> {
  private let things: [Thing]
  private var places: [String: [Int]] = [:]
  /// `organisation unit`: for messages.
  private let kind: String

  package init(_ things: [Thing], kind: String) {
    self.things = things
    self.kind = kind
    for (place, thing) in things.enumerated() {
      for key in Set([thing.uid, thing.name, thing.code ?? thing.uid]) { places[key, default: []].append(place) }
    }
  }

  /// The things that some words mean, each once. A word may be a list with commas; a name that holds a comma is found
  /// too.
  ///
  /// - Throws: `CommandFailure`, 64 for a word that means nothing, or several things.
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
      // The longest run of parts that is a name.
      var length = parts.count
      var place: Int?
      while length > 0 {
        place = try self.place(of: parts.prefix(length).joined(separator: ",").trimmed)
        if place != nil { break }
        length -= 1
      }
      if let place { found.append(place) } else if !first.isEmpty { throw unknown(first) }
      parts = parts.dropFirst(max(length, 1))
    }
    return found
  }

  /// A uid speaks before a code, a code before a name.
  private func place(of text: String) throws(CommandFailure) -> Int? {
    guard let candidates = places[text] ?? places[text.trimmed] else { return nil }
    for key in [\Thing.uid, \Thing.codeOrNothing, \Thing.name] {
      let matches = candidates.filter { things[$0][keyPath: key] == text || things[$0][keyPath: key] == text.trimmed }
      if matches.count == 1 { return matches[0] }
      if matches.count > 1 {
        throw CommandFailure(
          .usage,
          "\(matches.count) \(kind)s are called \(text.quoted): "
            + matches.prefix(10).map { "\(things[$0].uid) (\(things[$0].distinction))" }.joined(separator: "; ")
            + ": give the uid")
      }
    }
    return nil
  }

  /// Among more than this a suggestion takes longer than it helps.
  private static var mostCompared: Int { 20_000 }

  private func unknown(_ text: String) -> CommandFailure {
    let known =
      things.count <= Self.mostCompared ? things.flatMap { [$0.name, $0.uid] + ($0.code.map { [$0] } ?? []) } : []
    let nearest = Suggestion.nearest(to: text, among: known)
    return CommandFailure(
      .usage, "no \(kind) \(text.quoted) in the store\(nearest.map { "; did you mean \($0.quoted)?" } ?? "")")
  }
}

extension Named {
  fileprivate var codeOrNothing: String { code ?? "\0" }
}
