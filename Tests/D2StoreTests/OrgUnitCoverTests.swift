import TestSupport
import Testing

@testable import D2Common
@testable import D2Client
@testable import D2Store

/// The organisation units that a pull requests.
@Suite("the cover of organisation units")
struct OrgUnitCoverTests {
  /// A unit of the tests: its parent by position in a list.
  private struct Node {
    var parent: Int?
    var isStored = true
    var isActive = true
    var isRemoved = false
    var priority: Int?
    var path = ""
    var level = 1

    var text: String {
      (parent.map { "below \($0)" } ?? "root") + (isActive ? "" : " disabled") + (isRemoved ? " removed" : "")
    }
  }

  private static func uid(_ position: Int) -> String {
    let digits = String(position)
    return "U" + String(repeating: "0", count: 10 - digits.count) + digits
  }

  /// The units that are in the store, in its order.
  private static func units(_ nodes: [Node]) -> [OrgUnit] {
    let stored = nodes.indices.filter { nodes[$0].isStored }.sorted { a, b in
      let (x, y) = (nodes[a], nodes[b])
      if x.priority != y.priority { return (x.priority ?? .max) < (y.priority ?? .max) }
      return x.level == y.level ? a < b : x.level < y.level
    }
    return stored.map { position in
      let node = nodes[position]
      return OrgUnit(
        uid: uid(position), name: "unit \(position)", code: nil, path: node.path,
        parent: node.parent.map { uid($0) }, level: node.level, priority: node.priority,
        isActive: node.isActive && !node.isRemoved, isRemoved: node.isRemoved)
    }
  }

  /// Fills paths and levels; parents come before their children.
  private static func grown(_ nodes: [Node]) -> [Node] {
    var nodes = nodes
    for position in nodes.indices {
      let parent = nodes[position].parent
      nodes[position].path = (parent.map { nodes[$0].path } ?? "") + "/" + uid(position)
      nodes[position].level = (parent.map { nodes[$0].level } ?? 0) + 1
    }
    return nodes
  }

  private static func line(_ nodes: [Node], _ position: Int) -> [Int] {
    var line = [position]
    while let parent = nodes[line.last!].parent { line.append(parent) }
    return line
  }

  /// How often each unit of the source is requested.
  private static func asked(_ nodes: [Node], _ places: [OrgUnitCover.Places]) -> [Int] {
    var times = nodes.map { _ in 0 }
    for place in places {
      let roots = Set(place.units)
      #expect(roots.count == place.units.count)
      for position in nodes.indices {
        let line = place.children ? line(nodes, position) : [position]
        times[position] += line.filter { roots.contains(uid($0)) }.count
      }
    }
    return times
  }

  private static func places(_ nodes: [Node], only: [Int]? = nil) -> [OrgUnitCover.Places] {
    let units = units(nodes)
    let chosen =
      if let only { units.filter { unit in only.contains { uid($0) == unit.uid } } } else { units.filter(\.isActive) }
    return OrgUnitCover.cover(chosen, among: units)
  }

  @Test("a whole country is one subtree")
  func country() {
    let nodes = Self.grown([Node(), Node(parent: 0), Node(parent: 0), Node(parent: 1), Node(parent: 3)])
    #expect(Self.places(nodes) == [.init(units: [Self.uid(0)], children: true, priority: nil)])
  }

  @Test("around a disabled unit the rest is asked for as subtrees, those above it alone")
  func disabled() {
    // 0 country; 1 and 2 districts; 3, 4, 5 below 1; 6 below 2; 7 below 4, which is disabled.
    var nodes = [Node(), Node(parent: 0), Node(parent: 0), Node(parent: 1), Node(parent: 1), Node(parent: 1)]
    nodes += [Node(parent: 2), Node(parent: 4)]
    nodes[4].isActive = false
    let places = Self.places(Self.grown(nodes))
    #expect(
      places == [
        .init(units: [Self.uid(0), Self.uid(1)], children: false, priority: nil),
        .init(units: [Self.uid(2), Self.uid(3), Self.uid(5)], children: true, priority: nil),
      ])
  }

  @Test("a unit that the source lacks splits nothing")
  func removed() {
    var nodes = [Node(), Node(parent: 0), Node(parent: 0)]
    nodes[1].isRemoved = true
    #expect(Self.places(Self.grown(nodes)) == [.init(units: [Self.uid(0)], children: true, priority: nil)])
  }

  @Test("small priorities come first, units without one last")
  func priorities() {
    // Only the districts are in the store.
    var nodes = [Node(isStored: false)] + (1...5).map { _ in Node(parent: 0) }
    nodes[4].priority = 1
    nodes[2].priority = 1
    nodes[3].priority = 0
    #expect(
      Self.places(Self.grown(nodes)).map(\.units) == [
        [Self.uid(3)], [Self.uid(2), Self.uid(4)], [Self.uid(1), Self.uid(5)],
      ])
  }

  @Test("some units are asked for with all below them, but not twice")
  func only() {
    let nodes = Self.grown([Node(), Node(parent: 0), Node(parent: 0), Node(parent: 1), Node(parent: 3)])
    #expect(Self.places(nodes, only: [1, 3]) == [.init(units: [Self.uid(1)], children: true, priority: nil)])
    #expect(Self.places(nodes, only: [4]) == [.init(units: [Self.uid(4)], children: true, priority: nil)])
  }

  /// The slow, obvious answer: whether a unit must be requested.
  private static func isWanted(_ nodes: [Node], _ position: Int, only: [Int]?) -> Bool {
    let line = line(nodes, position)
    func isStored(_ node: Int) -> Bool { nodes[node].isStored && !nodes[node].isRemoved }
    // A disabled one, or below one.
    if line.contains(where: { isStored($0) && !nodes[$0].isActive }) { return false }
    if let only { return line.contains { only.contains($0) } }
    return line.contains { isStored($0) && nodes[$0].isActive }
  }

  @Test("random hierarchies: each active unit once, none that is disabled or below one", arguments: 0..<400)
  func random(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let count = Int.random(in: 1...40, using: &random)
    var nodes = (0..<count).map { position in
      Node(
        parent: position == 0 || Int.random(in: 0..<15, using: &random) == 0
          ? nil : Int.random(in: max(0, position - 8)..<position, using: &random))
    }
    let (inactive, removed) = (Int.random(in: 2...9, using: &random), Int.random(in: 2...30, using: &random))
    for position in nodes.indices {
      nodes[position].isActive = Int.random(in: 0..<inactive, using: &random) != 0
      nodes[position].isRemoved = Int.random(in: 0..<removed, using: &random) == 0
      nodes[position].priority = Bool.random(using: &random) ? nil : Int.random(in: 0...3, using: &random)
    }
    nodes = Self.grown(nodes)
    // If the source lacks a unit, it has nothing below it.
    for position in nodes.indices where Self.line(nodes, position).contains(where: { nodes[$0].isRemoved }) {
      nodes[position].isRemoved = true
    }
    let active = nodes.indices.filter { position in
      nodes[position].isActive && !nodes[position].isRemoved
        && !Self.line(nodes, position).contains { !nodes[$0].isActive && !nodes[$0].isRemoved }
    }
    let only = seed % 2 == 0 ? nil : active.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
    if only?.isEmpty == true { return }
    let asked = Self.asked(nodes, Self.places(nodes, only: only))
    for position in nodes.indices where !nodes[position].isRemoved {
      let times = Self.isWanted(nodes, position, only: only) ? 1 : 0
      #expect(asked[position] == times, "unit \(position) of \(nodes.map(\.text)), only \(only ?? [])")
    }
  }

  @Test("units that are not in the store go with the nearest one above them that is", arguments: 0..<200)
  func levels(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    // Country, districts, zones, facilities; the store has the districts alone.
    var nodes = [Node(isStored: false)]
    for parents in [0...0, 1...5, 6...20] {
      for _ in 0..<(parents.count == 1 ? 5 : 15) {
        nodes.append(Node(parent: Int.random(in: parents, using: &random), isStored: parents.count == 1))
      }
    }
    for position in 1...5 {
      nodes[position].isActive = Bool.random(using: &random)
      nodes[position].priority = Bool.random(using: &random) ? nil : Int.random(in: 0...2, using: &random)
    }
    nodes = Self.grown(nodes)
    let asked = Self.asked(nodes, Self.places(nodes))
    for position in nodes.indices {
      #expect(
        asked[position] == (Self.isWanted(nodes, position, only: nil) ? 1 : 0), "\(position) of \(nodes.map(\.text))")
    }
  }

  // MARK: Units that the store lacks

  private static func gap(_ nodes: [Node], only: [Int]? = nil) -> [String]? {
    OrgUnitCover.gap(places(nodes, only: only), among: units(nodes)).map { [$0.above.uid, $0.below.uid] }
  }

  @Test("units that lie unknown between one that is asked for alone and others are told, not left out")
  func gaps() throws {
    // 0 country; 1 a district that the store lacks; 2 and 3 zones below it; 4 another district.
    var nodes = [Node(), Node(parent: 0, isStored: false), Node(parent: 1), Node(parent: 1), Node(parent: 0)]
    nodes = Self.grown(nodes)
    #expect(Self.gap(nodes) == nil, "the country is asked for with all below it")
    nodes[2].isActive = false
    #expect(Self.gap(nodes) == [Self.uid(0), Self.uid(2)])
    func server(_ name: String) -> ConfiguredServer { ConfiguredServer(name: name, settings: .object([])) }
    let pair = Pair(id: 1, name: "hmis", source: server("a"), destination: server("b"), isActive: true)
    let error = #expect(throws: CommandFailure.self) {
      try OrgUnitCover(Self.units(nodes), only: nil, pair, Log(command: "test"))
    }
    #expect(error?.exitStatus == .usage)
    let message = error?.message ?? ""
    for part in [Self.uid(0), "unit 0", Self.uid(2), "unit 2", "d2-orgunits sync --pair hmis --all"] {
      #expect(message.contains(part), "\(message)")
    }
    // A unit that is requested with all units below it lacks nothing.
    #expect(Self.gap(nodes, only: [4]) == nil && Self.gap(nodes, only: [3]) == nil)
    nodes[1].isStored = true
    #expect(Self.gap(nodes) == nil)
  }

  @Test("unknown units below a subtree, or below what is left out, are not a gap")
  func noGaps() {
    // 0 country; 1 and 2 regions; 3 and 4 districts below them that the store lacks; 5 and 6 zones below these.
    var nodes = [Node(), Node(parent: 0), Node(parent: 0)]
    nodes += [Node(parent: 1, isStored: false), Node(parent: 2, isStored: false), Node(parent: 3), Node(parent: 4)]
    nodes = Self.grown(nodes)
    nodes[1].isActive = false
    #expect(
      Self.places(nodes) == [
        .init(units: [Self.uid(0)], children: false, priority: nil),
        .init(units: [Self.uid(2)], children: true, priority: nil),
      ])
    #expect(Self.gap(nodes) == nil)
  }

  @Test(
    "random hierarchies: there is a gap where a unit between stored ones is wanted and not asked for",
    arguments: 0..<400)
  func randomGaps(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var nodes = (0..<Int.random(in: 2...30, using: &random)).map { position in
      Node(parent: position == 0 ? nil : Int.random(in: max(0, position - 6)..<position, using: &random))
    }
    for position in nodes.indices {
      nodes[position].isActive = Int.random(in: 0..<6, using: &random) != 0
      nodes[position].isStored = Int.random(in: 0..<5, using: &random) != 0
    }
    nodes = Self.grown(nodes)
    let asked = Self.asked(nodes, Self.places(nodes))
    let lost = nodes.indices.filter { position in
      !nodes[position].isStored && Self.isWanted(nodes, position, only: nil) && asked[position] == 0
        && nodes.indices.contains {
          nodes[$0].isStored && $0 != position && Self.line(nodes, $0).contains(position)
        }
    }
    #expect((Self.gap(nodes) != nil) == !lost.isEmpty, "\(lost) of \(nodes.map { "\($0.text) \($0.isStored)" })")
  }
}
