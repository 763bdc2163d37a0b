import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// `-l` with levels and groups of the source.
@Suite("organisation units by level and group", .waiting)
struct UnitSelectionTests {
  /// The units that a pull requests, and whether it includes those below them.
  private static func asked(_ world: World, _ only: String, _ options: String = "") throws -> (
    units: Set<String>, errors: String
  ) {
    let outcome = world.run("d2-pull --pair hmis --data-set MONTH -p 202201 -l '\(only)' --explain \(options)")
    #expect(outcome.status == 0, "\(only): \(outcome.errors)")
    var units: Set<String> = []
    for line in outcome.lines {
      let request = try JSONValue(parsing: line)
      let query = (request["url"]?.string ?? "").split(separator: "?").last ?? ""
      let children = query.contains("children=true") ? "+" : ""
      units.formUnion(
        query.split(separator: "&").filter { $0.hasPrefix("orgUnit=") }.map { $0.dropFirst(8) + children })
    }
    return (units, outcome.errors)
  }

  private static func uids(_ world: World, where wanted: (OrganisationUnit) -> Bool) -> Set<String> {
    Set(world.metadata.organisationUnits.filter(wanted).map { $0.uid + "+" })
  }

  /// Whether a unit is a given one or below it.
  private static func isWithin(_ world: World, _ unit: String, _ top: String) -> Bool {
    let units = world.metadata.organisationUnits
    var at = units.firstIndex { $0.uid == unit }
    while let place = at {
      if units[place].uid == top { return true }
      at = units[place].parent
    }
    return false
  }

  @Test(
    "levels, groups, and those of them below units", .serialized, arguments: StoreKind.available, [nil, "District"])
  func selected(kind: StoreKind, level: String?) throws {
    let world = try World(slicesIn: kind, level: level) { $0.generatedUnits = 200 }
    let metadata = world.metadata
    let zones = Self.uids(world) { $0.level == 4 }
    #expect(try Self.asked(world, "LEVEL-4").units == zones && zones.count > 2)
    #expect(try Self.asked(world, "LEVEL-zone").units == zones)
    // Above the units of the store: all that it has below.
    let country = try Self.asked(world, "LEVEL-1").units
    #expect(country == (level == nil ? [world.root + "+"] : Self.uids(world) { $0.level == 3 }))
    let district = metadata.organisationUnits.first { $0.level == 3 }!
    let below = zones.filter { Self.isWithin(world, String($0.dropLast()), district.uid) }
    #expect(try Self.asked(world, "LEVEL-4,\(district.uid)").units == below && !below.isEmpty && below != zones)
    #expect(try Self.asked(world, "\(district.name),LEVEL-4").units == below)

    let urban = metadata.organisationUnitGroups.first { $0.name == "Urban" }!
    let members = Set(urban.members.map { metadata.organisationUnits[$0].uid + "+" })
    for word in ["Urban", "URBAN", urban.uid] { #expect(try Self.asked(world, "GROUP:\(word)").units == members) }
    let urbanBelow = members.filter { Self.isWithin(world, String($0.dropLast()), district.uid) }
    #expect(try Self.asked(world, "GROUP:Urban,\(district.name)").units == urbanBelow && !urbanBelow.isEmpty)
    // A group's units are below those of a level already.
    #expect(try Self.asked(world, "GROUP:Urban,LEVEL-2").units == (try Self.asked(world, "LEVEL-2").units))
    // The destination is asked for the source's units.
    #expect(try Self.asked(world, "GROUP:Urban", "--side destination").units == members)
    #expect(World.filtersByReference(world.source) == [])
  }

  @Test("what a person disabled stays out", arguments: StoreKind.available)
  func disabled(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil) { $0.generatedUnits = 200 }
    let zones = Self.uids(world) { $0.level == 4 }
    let one = String(zones.sorted()[0].dropLast())
    world.run("d2-orgunits disable --pair hmis \(one) > /dev/null")
    #expect(try Self.asked(world, "LEVEL-4").units == zones.subtracting([one + "+"]))
    let urban = world.metadata.organisationUnitGroups.first { $0.name == "Urban" }!
    let left = Set(urban.members.map { world.metadata.organisationUnits[$0].uid }).filter {
      !Self.isWithin(world, $0, one)
    }
    #expect(try Self.asked(world, "GROUP:Urban").units == Set(left.map { $0 + "+" }))
  }

  @Test("a pair of some districts holds no others", arguments: StoreKind.available)
  func outside(kind: StoreKind) throws {
    let world = try World(pairIn: kind) { $0.generatedUnits = 200 }
    let district = world.metadata.organisationUnits.first { $0.level == 3 }!
    world.run(
      "d2-orgunits sync --pair hmis --root \(district.uid) > /dev/null; d2-datasets sync --pair hmis > /dev/null")
    let zones = Self.uids(world) { $0.level == 4 }
    let below = zones.filter { Self.isWithin(world, String($0.dropLast()), district.uid) }
    let asked = try Self.asked(world, "LEVEL-4")
    #expect(asked.units == below && asked.errors.contains("\(zones.count - below.count) unit"), "\(asked.errors)")
    // A unit above the store's units selects those that exist.
    #expect(try Self.asked(world, "LEVEL-2").units == [district.uid + "+"])
  }

  @Test("move, plan and compare; what does not exist is refused", arguments: StoreKind.available)
  func moved(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: "District") { $0.generatedUnits = 200 }
    let outcome = world.run(
      """
      d2-pull --pair hmis --data-set MONTH -p 202201 -l GROUP:Urban | d2-push --pair hmis --rejects r > /dev/null; say status "${PIPESTATUS[*]}"
      d2-diff --pair hmis --data-set MONTH -p 202201 -l GROUP:Urban > differences; say equal $?
      d2-slices plan --pair hmis --data-set MONTH -p 202202 -l LEVEL-4 | jq .added
      d2-slices list --pair hmis --format json | jq -r '.orgUnits[]' | sort > planned
      d2-slices run --pair hmis --quiet; say run $?
      d2-diff --pair hmis --data-set MONTH -p 202202 -l LEVEL-4 --extras > differences; say same $?
      """)
    #expect(
      outcome.lines.filter { $0.contains("=") } == ["status=0 0", "equal=0", "run=0", "same=0"],
      "\(outcome.output)\(outcome.errors)")
    let planned = Set(world.run("cat planned").lines.map { $0 + "+" })
    #expect(planned == Self.uids(world) { $0.level == 4 })
    let urban = world.metadata.organisationUnitGroups.first { $0.name == "Urban" }!
    let members = Set(urban.members.map { world.metadata.organisationUnits[$0].uid })
    let differences = world.differences(of: [0]) { value in
      value["period"]?.string == "202202"
        || value["period"]?.string == "202201" && members.contains(value["orgUnit"]?.string ?? "")
    }
    #expect(differences.isEmpty, "\(differences)")
    let others = world.content(world.destination, of: [0]) { value in
      value["period"]?.string == "202201" && !members.contains(value["orgUnit"]?.string ?? "")
    }
    #expect(others.isEmpty)

    for (only, words) in [
      ("LEVEL-9", "1 Country, 2 Region, 3 District, 4 Zone, 5 Facility"), ("LEVEL-Distrikt", "3 District"),
      ("GROUP:Urbn", "did you mean \"Urban\""), ("LEVEL-0", "levels begin with 1"), ("LEVEL-3,Nowhere", "Nowhere"),
      ("GROUP:Urban,Nowhere", "Nowhere"),
    ] {
      for command in ["d2-pull --pair hmis --data-set MONTH -p 202201", "d2-slices plan --pair hmis -p 202203"] {
        let outcome = world.run("\(command) -l '\(only)' --quiet; echo $?")
        #expect(
          outcome.lines == ["64"] && outcome.errors.contains(words), "\(only): \(outcome.output)\(outcome.errors)")
      }
    }
  }
}
