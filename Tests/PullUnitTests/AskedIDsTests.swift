import D2Client
import D2Common
import StandInServer
import TestSupport
import Testing

@testable import d2_pull

/// Unknown ids are removed from the request, and reported.
@Suite("AskedIDs")
struct AskedIDsTests {
  /// A server that has these objects, by the names of their collections.
  private static func server(_ known: [String: [String: String]]) throws -> PlayedServer {
    try PlayedServer { request in
      let plural = String(request.path.dropFirst("/api/".count))
      let filter = request.first("filter") ?? ""
      let objects = known[plural] ?? [:]
      let found: [String] =
        if filter.hasPrefix("code:eq:") {
          objects.filter { $0.value == filter.dropFirst("code:eq:".count) }.map(\.key)
        } else {
          request.ids.filter { objects[$0] != nil }
        }
      let list = found.sorted().map { #"{"id":"\#($0)","path":"\#(objects[$0]!)"}"# }
      return (200, #"{"\#(plural)":[\#(list.joined(separator: ","))]}"#)
    }
  }

  private static func uid(_ letter: String, _ number: Int) -> String { letter + String(1_000_000_000 + number) }
  private static let (set1, set2, unit1, unit2) = (uid("s", 1), uid("s", 2), uid("u", 1), uid("u", 2))

  private static func check(
    _ selections: inout [PullOptions], _ server: PlayedServer
  ) throws -> [(option: String, ids: [String])] {
    var asked = AskedIDs(client: try server.client(), log: Log(command: "d2-pull", least: .error))
    try asked.check(&selections)
    return asked.unknown
  }

  private static let known = [
    "dataSets": [set1: "CODE1"], "organisationUnits": [unit1: "/\(unit1)", unit2: "/\(unit1)/\(unit2)"],
  ]

  @Test("unknown ids are left out and told by option; each kind is asked about once")
  func unknown() throws {
    let server = try Self.server(Self.known)
    let gone = Self.uid("u", 9)
    var selections = [
      try PullPlanTests.options(
        "--data-set", "\(Self.set1),\(Self.set2)", "--org-unit", "\(Self.unit1),\(gone)", "--period", "202401"),
      try PullPlanTests.options("--data-set", Self.set1, "--org-unit", "\(gone),\(Self.unit2)", "--period", "202402"),
    ]
    let unknown = try Self.check(&selections, server)
    #expect(unknown.map(\.option) == ["--data-set", "--org-unit"])
    #expect(unknown.map(\.ids) == [[Self.set2], [gone]])
    #expect(selections.map(\.dataSets) == [[Self.set1], [Self.set1]])
    #expect(selections.map(\.orgUnits) == [[Self.unit1], [Self.unit2]])
    let lookups = server.requests.filter { !$0.ids.isEmpty }
    #expect(lookups.map(\.path) == ["/api/dataSets", "/api/organisationUnits"])
  }

  @Test("a selection of which nothing is left is dropped; when none is left, that is an error")
  func nothing() throws {
    let server = try Self.server(Self.known)
    let whole = try PullPlanTests.options("--data-set", Self.set1, "--org-unit", Self.unit1, "--period", "202401")
    let empty = try PullPlanTests.options("--data-set", Self.set2, "--org-unit", Self.unit1, "--period", "202401")
    var selections = [empty, whole]
    #expect(try Self.check(&selections, server).map(\.ids) == [[Self.set2]])
    #expect(selections.map(\.dataSets) == [[Self.set1]])
    selections = [empty]
    #expect { try Self.check(&selections, server) } throws: { error in
      (error as? CommandFailure)?.exitStatus == .usage
        && "\(error)".contains("nothing is left to ask \(server.url) for")
    }
  }

  @Test("a code is not taken for a uid, though the server knows whose it is")
  func codes() throws {
    let server = try Self.server(Self.known)
    var selections = [
      try PullPlanTests.options(
        "--data-set", "\(Self.set1),CODE1,CODE2", "--org-unit", Self.unit1, "--period", "202401")
    ]
    let unknown = try Self.check(&selections, server)
    #expect(unknown.map(\.ids) == [["CODE1"], ["CODE2"]])
    #expect(selections[0].dataSets == [Self.set1])
  }

  @Test("texts that are not periods are left out; without its combos nothing may be asked for")
  func periodsAndCombos() throws {
    let server = try Self.server(Self.known)
    let words = ["--data-set", Self.set1, "--org-unit", Self.unit1]
    var selections = [try PullPlanTests.options(words + ["--period", "202401,what"])]
    #expect(try Self.check(&selections, server).map(\.ids) == [["what"]])
    #expect(selections[0].periods == ["202401"])
    selections = [
      try PullPlanTests.options(words + ["--period", "202401", "--attribute-option-combo", Self.uid("c", 1)])
    ]
    #expect { try Self.check(&selections, server) } throws: { "\($0)".contains("none of the attribute option combos") }
  }

  @Test("a server that does not answer such questions is asked for the data all the same")
  func refused() throws {
    let server = try PlayedServer { _ in (403, #"{"httpStatusCode":403,"status":"ERROR","message":"no"}"#) }
    var selections = [
      try PullPlanTests.options("--data-set", Self.set1, "--org-unit", Self.unit1, "--period", "202401")
    ]
    #expect(try Self.check(&selections, server).isEmpty)
    #expect(selections[0].dataSets == [Self.set1] && selections[0].orgUnits == [Self.unit1])
  }

  /// The slow, obvious answer: a unit is removed if its path begins with another one's.
  private static func slow(_ units: [String], _ paths: [String: String]) -> [String] {
    units.filter { unit in
      guard let path = paths[unit] else { return true }
      return !units.contains { other in
        guard other != unit, let above = paths[other] else { return false }
        return path.hasPrefix(above + "/")
      }
    }
  }

  @Test("units below others that are asked for go, whatever the tree")
  func nested() {
    var random = SeededGenerator(seed: 23)
    for _ in 0..<300 {
      var paths: [String: String] = [:]
      for number in 0..<20 {
        let parent = number == 0 ? nil : Int.random(in: -1..<number, using: &random)
        let above = parent.flatMap { paths["n\($0)"] } ?? ""
        paths["n\(number)"] = "\(above)/n\(number)"
      }
      let units = (0..<20).map { "n\($0)" }.shuffled(using: &random).prefix(Int.random(in: 0...20, using: &random))
      // The server did not return the path of some.
      let known = paths.filter { _ in Int.random(in: 0...9, using: &random) > 0 }
      let left = AskedIDs.withoutNested(Array(units), known)
      let full = AskedIDs.withoutNested(Array(units), paths)
      #expect(full == Self.slow(Array(units), paths))
      #expect(Set(left).isSuperset(of: full))
    }
  }
}
