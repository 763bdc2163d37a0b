import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-datasets copy-assignments", .waiting)
struct AssignmentCopyTests {
  typealias Version = StandInServer.ServerVersion

  private static let copy = "d2-datasets copy-assignments --pair hmis"

  /// Takes some units out of the destination's first data set.
  private func world(_ version: Version, without count: Int) throws -> (World, DataSet, [String]) {
    let world = try World(pairIn: .sqlite, version, version)
    world.run("d2-orgunits sync --pair hmis > /dev/null; d2-datasets sync --pair hmis > /dev/null")
    let set = world.metadata.dataSets[0]
    let units = set.units.map { world.metadata.organisationUnits[$0].uid }
    try assign(Array(units.dropFirst(count)), to: set, at: world.destination)
    return (world, set, units)
  }

  private func assign(_ units: [String], to set: DataSet, at server: StandIn) throws {
    let members = units.map { #"{"id":"\#($0)"}"# }.joined(separator: ",")
    try server.change(metadata: #"{"dataSets":[{"id":"\#(set.uid)","organisationUnits":[\#(members)]}]}"#)
  }

  private func assigned(_ set: DataSet, _ server: StandIn) -> Set<String> {
    let metadata = server.metadata
    return Set(metadata.dataSets[metadata.dataSetByUid[set.uid]!].units.map { metadata.organisationUnits[$0].uid })
  }

  @Test(
    "what the source assigns the destination assigns too; what it assigns besides stays",
    arguments: [Version("2.37.9")!, .v40, .v42, .v43])
  func copies(version: Version) throws {
    let (world, set, units) = try world(version, without: 3)
    try assign(Array(units.dropFirst(3)) + [world.root], to: set, at: world.destination)
    let trial = world.run("\(Self.copy) --dry-run | jq -c '[.change, .dataSet, .id]'")
    #expect(trial.lines == units.prefix(3).sorted().map { #"["assigned","\#(set.uid)","\#($0)"]"# }, "\(trial.errors)")
    #expect(assigned(set, world.destination) == Set(units.dropFirst(3) + [world.root]))
    let unasked = world.run("\(Self.copy) < /dev/null; echo $?")
    #expect(unasked.lines == ["64"] && unasked.errors.contains("nothing was changed"), "\(unasked.errors)")
    let outcome = world.run("\(Self.copy) --yes > lines; echo $?; wc -l < lines; \(Self.copy) --yes | wc -l")
    #expect(outcome.lines == ["0", "3", "0"], "\(outcome.errors)")
    #expect(outcome.errors.contains("3 units assigned at \(world.destination.url)"), "\(outcome.errors)")
    #expect(assigned(set, world.destination) == Set(units + [world.root]))
  }

  @Test("units that the destination lacks are counted, data sets that it lacks are told")
  func missing() throws {
    let (world, set, units) = try world(.v42, without: 0)
    try world.change(
      source:
        #"{"organisationUnits":[{"id":"NewClinic01","name":"New","parent":{"id":"\#(world.root)"},"openingDate":"2024-01-01"}]}"#
    )
    try assign(units + ["NewClinic01"], to: set, at: world.source)
    let other = world.metadata.dataSets[1]
    try world.change(destination: #"{"dataSets":[{"id":"\#(other.uid)","removed":true}]}"#)
    let outcome = world.run("\(Self.copy) --yes; echo $?")
    #expect(outcome.lines.last == "1" && outcome.lines.count == 2, "\(outcome.output)")
    #expect(
      outcome.documents.first?["problem"] == "missing" && outcome.documents.first?["dataSet"]?.string == other.uid)
    #expect(outcome.errors.contains("1 assignment left out: the destination lacks the unit"), "\(outcome.errors)")
    let below = world.run("\(Self.copy) --yes --data-set \(set.uid) --below \(units[0]); echo $?")
    #expect(below.lines == ["0"], "\(below.errors)")
  }

  @Test("what lies below an inactive unit is not assigned, though the store has only units of a level")
  func belowInactive() throws {
    let world = try World(pairIn: .sqlite)
    let all = world.metadata.organisationUnits
    let set = world.metadata.dataSets[0]
    let units = set.units.map { all[$0] }
    let zones = all.filter { zone in zone.level == 4 && units.contains { $0.path.contains(zone.uid) } }
    let shut = try #require(zones.first)
    try assign([], to: set, at: world.destination)
    let prepared = world.run(
      """
      d2-datasets sync --pair hmis > /dev/null; \(Self.copy) --yes --data-set \(set.uid); echo $?
      d2-orgunits sync --pair hmis --level 4 > /dev/null; d2-orgunits disable --pair hmis \(shut.uid) > /dev/null
      \(Self.copy) --yes --data-set \(set.uid) > /dev/null; echo $?
      d2-datasets check --pair hmis --data-set \(set.uid) | jq -r 'select(.problem == "notAssigned") | .id'
      """)
    #expect(prepared.lines == ["64", "0"], "\(prepared.output)\(prepared.errors)")
    #expect(prepared.errors.contains("no unit of hmis is active"), "\(prepared.errors)")
    let open = units.filter { unit in
      !unit.path.contains(shut.uid) && zones.contains { unit.path.contains($0.uid) }
    }
    #expect(!open.isEmpty && open.count < units.count && assigned(set, world.destination) == Set(open.map(\.uid)))
  }

  @Test("units that several data sets lack are asked for once at each server")
  func askedOnce() throws {
    let world = try World(pairIn: .sqlite)
    world.run("d2-orgunits sync --pair hmis > /dev/null; d2-datasets sync --pair hmis > /dev/null")
    let sets = world.metadata.dataSets
    for set in sets { try assign([], to: set, at: world.destination) }
    for server in [world.source, world.destination] { server.resetStatistics() }
    let outcome = world.run("\(Self.copy) --dry-run | wc -l")
    #expect(outcome.lines == ["\(sets.reduce(0) { $0 + $1.units.count })"], "\(outcome.errors)")
    for server in [world.source, world.destination] {
      let asked = (server.statistics["recent"]?.array ?? []).filter {
        $0["target"]?.string?.hasPrefix("/api/organisationUnits?") ?? false
      }
      #expect(asked.count == 1, "\(asked)")
    }
  }

  @Test("a user who may not change a data set is told so, and the others are assigned")
  func withoutRight() throws {
    let (world, set, _) = try world(.v42, without: 2)
    let name = world.metadata.dataSets[0].name
    world.destination.restrict(user: "admin", authorities: ["F_DATASET_DELETE"])
    let outcome = world.run("\(Self.copy) --yes > lines; echo $?; jq -r .problem lines")
    #expect(outcome.lines == ["1", "noAccess"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("\(name) (\(set.uid)): the user may not change it"), "\(outcome.errors)")
  }
}
