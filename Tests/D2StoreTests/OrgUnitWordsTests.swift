import Testing

@testable import D2Store

@Suite("The words of --only")
struct OrgUnitWordsTests {
  @Test("are levels, groups and units")
  func words() {
    func words(_ text: String) -> [String] {
      let words = OrgUnitWords(text)
      return [words.levels.joined(separator: "|"), words.groups.joined(separator: "|"), words.units ?? "-"]
    }
    #expect(words("Bo,Kenema") == ["", "", "Bo,Kenema"])
    #expect(words("LEVEL-3") == ["3", "", "-"])
    #expect(words("level-District, Bo") == ["District", "", " Bo"])
    #expect(words("Bo,LEVEL-3,LEVEL-4,Kenema") == ["3|4", "", "Bo,Kenema"])
    // The words after a group may be a part of its name.
    #expect(words("GROUP:Urban,Bo") == ["", "Urban,Bo", "-"])
    #expect(words("GROUP:Posts, small,GROUP:Urban,LEVEL-2,Bo") == ["2", "Posts, small|Urban", "Bo"])
    #expect(words("LEVEL-,GROUP:") == ["", "", "LEVEL-,GROUP:"])
    #expect(!OrgUnitWords("Level 3 clinic").needsServer && OrgUnitWords("GROUP:x").needsServer)
  }
}
