import D2Common
import D2Store

extension Slice {
  /// Why the destination refused values of a slice. A refusal counts as an outcome if both commands did all they could
  /// and nothing else went wrong, because a retry would not change it. `nil` if nothing was refused, or if a command
  /// failed or did not finish.
  ///
  /// - Parameters:
  ///   - pull: the summary of d2-pull.
  ///   - push: the summary of d2-push.
  ///   - needsPull: whether a missing summary of d2-pull counts as its failure.
  package static func refusal(pull: JSONValue?, push: JSONValue?, needsPull: Bool = true) -> String? {
    guard pull?["status"]?.int == 0 || (pull == nil && !needsPull), let push, push["status"]?.int == 1,
      // --max-rejects also ends with status 1, before all was read or sent.
      push["isWhole"]?.bool != false, push["notSent"]?.int ?? 0 == 0
    else { return nil }
    let reasons = push["reasons"]?.array ?? []
    let commonest = reasons.max { a, b in
      let (countA, countB) = (a["count"]?.int ?? 0, b["count"]?.int ?? 0)
      // If two are equally frequent, always choose the same one.
      return countA != countB ? countA < countB : a["reason"]?.string ?? "" > b["reason"]?.string ?? ""
    }
    return commonest?["reason"]?.string.map { StableReason.of($0) }
      ?? (push["refused"]?.int == 0 ? "the destination does not keep some values" : "the destination refused values")
  }
}

/// The reason in a message, without the parts that differ over time and between slices: counts, times, line and batch
/// numbers, periods. So equal causes have equal texts. Codes, HTTP statuses, versions and ids stay.
package enum StableReason {
  /// Words whose number is part of the reason.
  private static let wordsOfCodes: Set<Substring> = ["HTTP", "status", "signal", "error", "code"]

  package static func of(_ text: String) -> String {
    var out = ""
    var word: Substring = ""
    var rest = Substring(text)
    while let first = rest.first {
      if first == "`" || first == "\"", let end = rest.dropFirst().firstIndex(of: first) {
        let quoted = rest[rest.index(after: rest.startIndex)..<end]
        out += "\(first)\(first == "`" ? shown(quoted: quoted) : String(quoted))\(first)"
        rest = rest[rest.index(after: end)...]
      } else if isOfWord(first) {
        let next = rest.prefix(while: isOfWord)
        rest = rest[next.endIndex...]
        out += shown(next, after: word)
        word = next
      } else {
        out.append(rest.removeFirst())
      }
    }
    return out
  }

  /// What DHIS2 puts between backticks: an id stays, periods and numbers do not. A list stays only if it is a single
  /// id.
  private static func shown(quoted text: Substring) -> String {
    guard text.first != "[" || text.last != "]" else {
      let list = text.dropFirst().dropLast()
      return "[\(list.contains(",") ? "…" : shown(quoted: list))]"
    }
    return text.first?.isNumber == true || text.contains("=") ? "…" : String(text)
  }

  private static func isOfWord(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || "._:-/#".contains(character)
  }

  private static func shown(_ word: Substring, after before: Substring) -> String {
    let mark = word.prefix { "#:".contains($0) }
    let bare = word.dropFirst(mark.count)
    guard bare.first?.isNumber == true, !wordsOfCodes.contains(before), !isVersion(bare) else { return String(word) }
    return mark + "…" + String(bare.reversed().prefix { ":.".contains($0) })
  }

  /// Whether a word is a DHIS2 version: `2.42`, `2.40.9.1`.
  private static func isVersion(_ word: Substring) -> Bool {
    let parts = word.split(separator: ".")
    return parts.count >= 2 && parts[0] == "2" && parts[1].count == 2 && parts.allSatisfy { $0.allSatisfy(\.isNumber) }
  }
}
