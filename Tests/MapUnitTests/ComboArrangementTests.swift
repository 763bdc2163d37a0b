import TestSupport
import Testing

@testable import d2_map

@Suite("ComboArrangement")
struct ComboArrangementTests {
  private static let ages: Set<String> = ["<5", "5+", "Unknown"]
  private static let sexes: Set<String> = ["M", "F", "Unknown"]

  @Test(
    "the other options tell which category a shared one belongs to",
    arguments: [
      (["<5", "M"], ["Age": "<5", "Sex": "M"]), (["<5", "Unknown"], ["Age": "<5", "Sex": "Unknown"]),
      (["Unknown", "M"], ["Age": "Unknown", "Sex": "M"]),
      // A set has it once.
      (["Unknown"], ["Age": "Unknown", "Sex": "Unknown"]),
      // Of none of the categories.
      (["5+", "F", "Other"], ["Age": "5+", "Sex": "F"]), (["Other"], [:]), ([], [:]),
      // A category that was added to the category combo later.
      (["5+"], ["Age": "5+"]),
    ] as [([String], [String: String])])
  func shared(options: [String], expected: [String: String]) {
    let found = ComboArrangement.find(Set(options), in: ["Age": Self.ages, "Sex": Self.sexes])
    #expect(found == expected)
  }

  @Test("each option may need the one before")
  func chain() {
    let categories: [String: Set<String>] = ["A": ["1", "2"], "B": ["2", "3"], "C": ["3", "4"], "D": ["4"]]
    #expect(
      ComboArrangement.find(["1", "2", "3", "4"], in: categories) == ["A": "1", "B": "2", "C": "3", "D": "4"])
  }

  @Test(
    "what can be in several ways, or in none, is not decided", arguments: [["+", "-"], ["+", "-", "?"], ["-", "?"]])
  func undecided(options: [String]) {
    let categories: [String: Set<String>] = ["First": ["+", "-", "?"], "Second": ["+", "-", "?"]]
    #expect(ComboArrangement.find(Set(options), in: categories) == nil)
  }

  @Test("agrees with trying all ways", arguments: 0..<50)
  func property(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let universe = (0..<6).map { "o\($0)" }
    for _ in 0..<50 {
      var categories: [String: Set<String>] = [:]
      for number in 0..<Int.random(in: 1...5, using: &random) {
        categories["c\(number)"] = Set(
          universe.shuffled(using: &random).prefix(Int.random(in: 1...4, using: &random)))
      }
      let options = Set(universe.shuffled(using: &random).prefix(Int.random(in: 1...5, using: &random)))
      let ways = Self.allWays(options, categories)
      #expect(
        ComboArrangement.find(options, in: categories) == (ways.count == 1 ? ways[0] : nil),
        "\(options.sorted()) in \(categories): \(ways)")
    }
  }

  /// All ways to give each category one of the options, so that each option is used.
  private static func allWays(_ options: Set<String>, _ categories: [String: Set<String>]) -> [[String: String]] {
    var ways: [[String: String]] = [[:]]
    var possible: Set<String> = []
    for (category, all) in categories {
      let own = all.intersection(options)
      possible.formUnion(own)
      guard !own.isEmpty else { continue }
      ways = ways.flatMap { way in own.map { option in way.merging([category: option]) { $1 } } }
    }
    return ways.filter { Set($0.values) == possible }
  }
}
