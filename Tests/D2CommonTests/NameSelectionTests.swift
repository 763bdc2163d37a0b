import TestSupport
import Testing

@testable import D2Common

/// The meaning of names of data sets and organisation units.
@Suite("NameSelection")
struct NameSelectionTests {
  private struct Thing: Named, Equatable {
    let uid: String
    let name: String
    let code: String?
    var distinction: String { "Monthly" }
  }

  private static func set(_ uid: String, _ name: String, _ code: String? = nil) -> Thing {
    Thing(uid: uid, name: name, code: code)
  }

  private static let sets = [
    set("aaaaaaaaaa1", "Malaria", "MAL"), set("aaaaaaaaaa2", "Births, deaths", "VITAL"),
    set("aaaaaaaaaa3", "Births", nil), set("aaaaaaaaaa4", "Stock", "MAL2"), set("aaaaaaaaaa5", "Stock", "STOCK2"),
    // A name that is another one's code, and a code that is another one's name.
    set("aaaaaaaaaa6", "VITAL", "X"),
  ]

  private static func found(_ words: String...) throws -> [String] {
    try NameSelection(sets, kind: "data set").find(words).map { String($0.uid.suffix(1)) }
  }

  @Test("uids, codes and names, each thing once, in the order of the words")
  func each() throws {
    #expect(try Self.found("aaaaaaaaaa4", "MAL", "Births", "Malaria") == ["4", "1", "3"])
    #expect(try Self.found() == [])
  }

  @Test(
    "commas part words, unless a name holds them",
    arguments: [
      (["MAL,Births"], ["1", "3"]), (["Births, deaths"], ["2"]), (["MAL, Births, deaths ,X"], ["1", "2", "6"]),
      ([" MAL , , Births"], ["1", "3"]), ([","], []), (["Births, deaths,Births"], ["2", "3"]),
    ])
  func lists(words: [String], expected: [String]) throws {
    #expect(try NameSelection(Self.sets, kind: "data set").find(words).map { String($0.uid.suffix(1)) } == expected)
  }

  @Test("a code speaks before a name")
  func order() throws { #expect(try Self.found("VITAL") == ["2"]) }

  @Test("a name of several things is refused, with their uids")
  func ambiguous() {
    #expect { try Self.found("Stock") } throws: { error in
      let text = (error as? CommandFailure).map { "\($0)" } ?? ""
      return text.contains("2 data sets are called \"Stock\": aaaaaaaaaa4 (Monthly); aaaaaaaaaa5 (Monthly)")
    }
  }

  @Test("a word that means nothing is refused, with what was meant", arguments: ["Malarja", "MAL,Malarja,X"])
  func unknown(word: String) {
    #expect { try Self.found(word) } throws: { error in
      let failure = error as? CommandFailure
      return failure?.exitStatus == .usage
        && "\(failure!)".contains("no data set \"Malarja\" in the store; did you mean \"Malaria\"?")
    }
  }

  /// The slow, obvious answer to a word without a comma: `nil` if it means nothing or several things.
  private static func slow(_ word: String, _ sets: [Thing]) -> Thing? {
    for property in [{ $0.uid }, { $0.code ?? "" }, { $0.name }] as [(Thing) -> String] {
      let matches = sets.filter { property($0) == word && !word.isEmpty }
      if !matches.isEmpty { return matches.count == 1 ? matches[0] : nil }
    }
    return nil
  }

  @Test("finds what a search through all of them finds")
  func random() {
    var random = SeededGenerator(seed: 3)
    let words = ["a", "b", "c", "d", "e"]
    for _ in 0..<300 {
      let sets = (0..<Int.random(in: 0...4, using: &random)).map { number in
        Self.set(
          "uid\(number)", words.randomElement(using: &random)!,
          Bool.random(using: &random) ? words.randomElement(using: &random) : nil)
      }
      let selection = NameSelection(sets, kind: "data set")
      for word in words + ["uid0", "uid2"] {
        #expect((try? selection.find([word])) == Self.slow(word, sets).map { [$0] }, "\(word) in \(sets)")
      }
    }
  }
}
