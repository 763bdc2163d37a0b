import D2Common
import TestSupport
import Testing

@testable import D2Store
@testable import d2_slices

/// The units of which an increment reads everything.
@Suite("NewUnits")
struct NewUnitsTests {
  private static func unit(
    _ path: String, since: Int = 0, added: Int? = nil, active: Bool = true, removed: Bool = false
  ) -> OrgUnit {
    let parts = path.split(separator: "/").map(String.init)
    return OrgUnit(
      uid: parts.last!, name: parts.last!, code: nil, path: "/" + path, parent: parts.dropLast().last,
      level: parts.count, priority: nil, isActive: active, isRemoved: removed, activeSince: since,
      addedAt: added ?? since)
  }

  private static func found(_ units: OrgUnit...) -> [String] { NewUnits.find(in: units, since: 10).map(\.uid) }

  @Test("what came later is new; what was there is not")
  func came() {
    #expect(Self.found(Self.unit("r"), Self.unit("r/a"), Self.unit("r/b", since: 11)) == ["b"])
    #expect(Self.found(Self.unit("r"), Self.unit("r/a", since: 10)) == [])
  }

  @Test("a level that the store did not have is nothing new below what was asked for with all below it")
  func level() {
    #expect(Self.found(Self.unit("r"), Self.unit("r/a", since: 20), Self.unit("r/a/1", since: 20)) == [])
    // Not below one of those.
    #expect(Self.found(Self.unit("r/a"), Self.unit("r/b/1", since: 20)) == ["1"])
  }

  @Test("where units were asked for alone, all that became active is new")
  func split() {
    // A person's choice splits the country.
    #expect(
      Self.found(Self.unit("r"), Self.unit("r/a", active: false), Self.unit("r/b"), Self.unit("r/b/1", since: 20))
        == ["1"])
    // One that was there, inactive, and is active now.
    #expect(
      Self.found(Self.unit("r"), Self.unit("r/a", since: 20, added: 5), Self.unit("r/a/1", since: 20)) == ["a", "1"])
    // One that the source lacks splits nothing.
    #expect(
      Self.found(
        Self.unit("r"), Self.unit("r/a", active: false, removed: true), Self.unit("r/b/1", since: 20)) == [])
  }

  @Test("nothing that is new lies outside of what became active, whatever the tree")
  func random() {
    var random = SeededGenerator(seed: 9)
    for _ in 0..<500 {
      var paths = ["u0"]
      for number in 1..<12 { paths.append("\(paths.randomElement(using: &random)!)/u\(number)") }
      let units = paths.map { path in
        Self.unit(
          path, since: Int.random(in: 0...20, using: &random), added: Int.random(in: 0...20, using: &random),
          active: Int.random(in: 0...5, using: &random) > 0)
      }
      let new = NewUnits.find(in: units, since: 10)
      let became = units.filter { $0.isActive && $0.activeSince > 10 }
      #expect(new.allSatisfy(became.contains))
      // The units left out are below a unit that was active before, with all units below it.
      for unit in became where !new.contains(unit) {
        #expect(
          unit.ancestors.contains { above in
            units.contains { $0.uid == String(above) && $0.isActive && $0.activeSince <= 10 }
          })
      }
    }
  }
}
