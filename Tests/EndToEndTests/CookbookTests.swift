import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Runs each recipe of docs/cookbook.md verbatim. Then it checks the exit statuses of the commands, the output that the
/// page shows, and the destination's data. `CookbookExpectations` defines the expected results.
@Suite("docs/cookbook.md", .waiting)
struct CookbookTests {
  @Test("there are enough recipes, each with a name of its own, and each of them is tested")
  func complete() {
    let anchors = Cookbook.recipes.map(\.anchor)
    #expect(anchors.count >= 25)
    #expect(Set(anchors).count == anchors.count)
    #expect(anchors.sorted() == CookbookExpectation.all.map(\.anchor).sorted())
    #expect(Cookbook.recipes.allSatisfy { !$0.shown.isEmpty || !$0.texts("crontab").isEmpty })
  }

  @Test("every recipe does what it says", arguments: Cookbook.recipes.map(\.anchor))
  func recipe(anchor: String) throws {
    try check(anchor, .v42, printed: true)
  }

  /// 2.43 needs the data set of each value, and counts differently (updated instead of imported or ignored). The page
  /// shows the output of 2.42.
  @Test(
    "and to a server of 2.43 too",
    arguments: CookbookExpectation.byVersion.map(\.anchor))
  func newest(anchor: String) throws {
    try check(anchor, .v43, printed: false)
  }

  private func check(_ anchor: String, _ version: StandInServer.ServerVersion, printed: Bool) throws {
    let recipe = try #require(Cookbook.recipe(anchor))
    let expectation = try #require(CookbookExpectation.all.first { $0.anchor == anchor })
    let scene = try CookbookScene(version, for: recipe)
    if !expectation.isFirst {
      let first = try #require(Cookbook.recipes.first)
      let outcome = scene.cook(first)
      #expect(outcome.statuses == ["0"], "\(outcome.printed)")
    }
    if let other = expectation.firstBlockOf {
      let block = try #require(Cookbook.recipe(other)?.commands.first)
      #expect(scene.run(block).status == 0)
    }
    let before = scene.run(expectation.before)
    #expect(before.status == 0, "before: \(before.output)\(before.errors)")
    let outcome = scene.cook(recipe, beside: expectation.beside)
    let all = outcome.printed.joined(separator: "\n")
    #expect(outcome.statuses == expectation.statuses, "\(all)")
    if printed {
      for line in recipe.shown {
        #expect(outcome.printed.contains { Cookbook.matches(line, $0) }, "not seen: \(line)\nbut:\n\(all)")
      }
    }
    let after = scene.run(expectation.after)
    #expect(after.lines == expectation.holds, "after: \(after.errors)\n\(all)")
  }
}
