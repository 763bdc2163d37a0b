import TestSupport
import Testing

@testable import d2_map

@Suite("ComboChoice")
struct ComboChoiceTests {
  private static func combo(_ uid: String, of categoryCombo: String?) -> ServerCategories.Combo {
    ServerCategories.Combo(
      uid: uid, name: uid, isOfAttributes: false, categoryCombo: categoryCombo,
      categoryComboName: "name of \(categoryCombo ?? "")", categories: [], options: [])
  }

  private static let male = combo("male", of: "Sex")
  private static let female = combo("female", of: "Sex")
  private static let other = combo("other", of: "Sex")
  private static let small = [combo("m2", of: "G2"), combo("f2", of: "G2")]
  private static let large = [combo("m3", of: "G3"), combo("f3", of: "G3"), combo("o3", of: "G3")]

  @Test("one counterpart is it, none is missing, and the same uid goes before all else")
  func simple() {
    let choice = ComboChoice([(Self.male, [Self.small[0]]), (Self.female, [])])
    #expect(choice.choose(for: Self.male, among: [Self.small[0]]) == .one("m2"))
    #expect(choice.choose(for: Self.female, among: []) == .missing)
    let same = Self.combo("male", of: "G9")
    #expect(choice.choose(for: Self.male, among: [Self.small[0], same]) == .one("male"))
  }

  @Test("the category combo with counterparts for all combos is right")
  func complete() {
    let candidates = [
      (combo: Self.male, found: [Self.small[0], Self.large[0]]),
      (combo: Self.female, found: [Self.small[1], Self.large[1]]),
      (combo: Self.other, found: [Self.large[2]]),
    ]
    let choice = ComboChoice(candidates)
    let chosen = candidates.map { choice.choose(for: $0.combo, among: $0.found) }
    #expect(chosen == [.one("m3"), .one("f3"), .one("o3")])
  }

  @Test("a combo without a counterpart anywhere does not count")
  func incomplete() {
    let candidates = [
      (combo: Self.male, found: [Self.small[0], Self.large[0]]), (combo: Self.female, found: [Self.large[1]]),
    ]
    let choice = ComboChoice(candidates + [(combo: Self.other, found: [])])
    #expect(choice.choose(for: Self.male, among: candidates[0].found) == .one("m3"))
  }

  @Test("several that are equally good are named")
  func several() {
    let found = [Self.large[0], Self.small[0]]
    let names = ["\"name of G2\" (G2)", "\"name of G3\" (G3)"]
    #expect(ComboChoice([(Self.male, found)]).choose(for: Self.male, among: found) == .several(places: names))
    // No category combo has counterparts for both.
    let torn = ComboChoice([(Self.male, found), (Self.female, [Self.combo("f4", of: "G4")])])
    #expect(torn.choose(for: Self.male, among: found) == .several(places: names))
    // Both of one category combo.
    let twice = [Self.small[0], Self.combo("again", of: "G2")]
    #expect(ComboChoice([(Self.male, twice)]).choose(for: Self.male, among: twice) == .several(places: [names[0]]))
  }

  @Test("category combos of the source do not mix")
  func apart() {
    let far = Self.combo("far", of: "Other")
    let both = [Self.small[0], Self.large[0]]
    let choice = ComboChoice([(Self.male, both), (Self.female, [Self.small[1]]), (far, [Self.large[2]])])
    #expect(choice.choose(for: Self.male, among: both) == .one("m2"))
  }
}
