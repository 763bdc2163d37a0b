import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-orgunits copy", .waiting)
struct OrgUnitCopyTests {
  typealias Version = StandInServer.ServerVersion

  private static let copy = "d2-orgunits copy --pair hmis"

  private static func units(_ list: [String]) -> String { #"{"organisationUnits":[\#(list.joined(separator: ","))]}"# }

  private static func unit(_ uid: String, _ name: String, below parent: String, _ more: String = "") -> String {
    #"{"id":"\#(uid)","name":"\#(name)","parent":{"id":"\#(parent)"},"openingDate":"2024-02-01"\#(more)}"#
  }

  /// The uids of the units above the facilities.
  private func zones(_ world: World) -> [String] {
    world.metadata.organisationUnits.filter { $0.level == 4 }.map(\.uid)
  }

  /// A server's version of a unit.
  private func unit(_ uid: String, _ server: StandIn) throws -> OrganisationUnit {
    let metadata = server.metadata
    return metadata.organisationUnits[try #require(metadata.organisationUnitByUid[uid], "\(uid) is not there")]
  }

  /// A pair whose units are synced by zone, and a source that has a new part with two facilities in the first one.
  private func world(_ from: Version = .v42, _ to: Version = .v42) throws -> World {
    let world = try World(pairIn: .sqlite, from, to)
    world.run("d2-orgunits sync --pair hmis --level Zone > /dev/null; d2-datasets sync --pair hmis > /dev/null")
    try world.change(
      source: Self.units([
        Self.unit("NewZone0001", "A new zone", below: zones(world)[0]),
        Self.unit(
          "NewClinic01", "It's \\\"new\\\"", below: "NewZone0001",
          #","code":"N1","closedDate":"2031-01-01","geometry":{"type":"Point","coordinates":[-11.50,8.1]},"comment":"a, b\n","phoneNumber":"+232 1""#
        ),
        Self.unit("NewClinic02", "Second", below: "NewZone0001", #","shortName":"2nd""#),
      ]))
    return world
  }

  @Test(
    "new units are made with all that they have, parents first, and a second run finds nothing to do",
    arguments: [(Version.v40, Version.v43), (.v42, .v40), (.v43, .v42)])
  func copies(from: Version, to: Version) throws {
    let world = try world(from, to)
    let outcome = world.run("\(Self.copy) --yes > lines; echo $?; jq -c '[.change, .id, .name, .path]' lines")
    let zone = try unit(zones(world)[0], world.source).path + "/NewZone0001"
    #expect(
      outcome.lines == [
        "0", #"["added","NewZone0001","A new zone","\#(zone)"]"#,
        #"["added","NewClinic01","It's \"new\"","\#(zone)/NewClinic01"]"#,
        #"["added","NewClinic02","Second","\#(zone)/NewClinic02"]"#,
      ], "\(outcome.errors)")
    #expect(outcome.errors.contains("3 added, 0 changed, 0 refused"), "\(outcome.errors)")
    for uid in ["NewZone0001", "NewClinic01", "NewClinic02"] {
      let (here, there) = try (unit(uid, world.source), unit(uid, world.destination))
      #expect(there.path == here.path && there.name == here.name && there.shortName == here.shortName)
      #expect(there.code == here.code && there.opened == here.opened && there.closed == here.closed)
      #expect(there.further.mapValues(\.text) == here.further.mapValues(\.text))
    }
    let again = world.run("\(Self.copy) --yes; echo $?")
    #expect(again.lines == ["0"] && again.errors.contains("0 added, 0 changed, 0 refused"), "\(again.errors)")
  }

  @Test("a dry run says all, asks the destination, and stores nothing")
  func trial() throws {
    let world = try world()
    world.destination.resetStatistics()
    let outcome = world.run("\(Self.copy) --dry-run | jq -r .change | sort | uniq -c; echo ${PIPESTATUS[0]}")
    #expect(outcome.lines == ["      3 added", "0"], "\(outcome.errors)")
    #expect(outcome.errors.contains("3 would be added") && outcome.errors.contains("nothing was written"))
    let posts = (world.destination.statistics["recent"]?.array ?? []).filter { $0["method"] == "POST" }
    #expect(posts.count == 1 && posts[0]["target"]?.string?.contains("importMode=VALIDATE") == true, "\(posts)")
    #expect(world.destination.metadata.organisationUnitByUid["NewZone0001"] == nil)
  }

  @Test("without --yes and a terminal nothing is stored")
  func unasked() throws {
    let world = try world()
    let outcome = world.run("\(Self.copy) < /dev/null; echo $?")
    #expect(outcome.lines == ["64"] && outcome.errors.contains("nothing was changed"), "\(outcome.errors)")
    #expect(outcome.errors.contains("added A new zone"), "what is asked about is shown")
    #expect(world.destination.metadata.organisationUnitByUid["NewZone0001"] == nil)
  }

  @Test("what cannot be made is told with its reason, and the rest is made")
  func refusals() throws {
    let world = try world()
    let zone = try #require(world.metadata.organisationUnits.first { $0.level == 4 })
    let twin = try #require(
      world.metadata.organisationUnits.first { $0.level == 5 && world.metadata.isWithin($0.parent!, 0) })
    try world.change(
      destination: Self.units([Self.unit("OtherUnit01", "Has the code", below: zones(world)[1], #","code":"N1""#)]))
    try world.change(
      source: Self.units([
        Self.unit("NewTwin0001", twin.name.uppercased(), below: world.metadata.organisationUnits[twin.parent!].uid),
        Self.unit(
          "NewBadOne01", "Bad code", below: zone.uid,
          #","url":"www.example.org","code":"\#(String(repeating: "x", count: 51))""#),
        Self.unit("NewBelow001", "Below a bad one", below: "NewBadOne01"),
        Self.unit("NewGoodOne1", "Good", below: zone.uid),
      ]))
    let outcome = world.run(
      "\(Self.copy) --yes > lines; echo $?; jq -r 'select(.change == \"refused\") | [.id, .problem] | join(\" \")' lines | sort"
    )
    #expect(
      outcome.lines == [
        "1", "NewBadOne01 E4001", "NewBelow001 parentMissing", "NewClinic01 codeTaken", "NewTwin0001 sameName",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("3 added, 0 changed, 4 refused"), "\(outcome.errors)")
    #expect(outcome.errors.contains("Maximum length of property `code`"), "\(outcome.errors)")
    #expect(!outcome.errors.contains("leaves them out"), "its address is not the only reason: \(outcome.errors)")
    #expect(try unit("NewGoodOne1", world.destination).name == "Good")
    let there = world.destination.metadata.organisationUnitByUid
    for uid in ["NewBadOne01", "NewBelow001", "NewClinic01", "NewTwin0001"] { #expect(there[uid] == nil) }
    let allowed = world.run("\(Self.copy) --yes --allow-same-name | jq -r 'select(.change == \"added\") | .id'")
    #expect(allowed.lines == ["NewTwin0001"], "\(allowed.errors)")
  }

  @Test(
    "an invalid url or e-mail address does not keep a unit out, nor what is below it",
    arguments: [Version.v40, .v42, .v43])
  func addresses(version: Version) throws {
    let world = try World(pairIn: .sqlite, version, version)
    world.run("d2-orgunits sync --pair hmis --level Zone > /dev/null")
    let zone = zones(world)[0]
    try world.change(
      source: Self.units([
        Self.unit("NewBadUrl01", "Bad url", below: zone, #","url":"www.example.org","email":"a@example.org""#),
        Self.unit("NewBadMail1", "Bad mail", below: zone, #","url":"https://example.org","email":"nobody""#),
        Self.unit("NewBadBoth1", "Bad both", below: zone, #","url":"www","email":"nobody","comment":"stays""#),
        Self.unit("NewBelow001", "Below a bad one", below: "NewBadUrl01"),
      ]))
    let warning =
      "\(world.destination.url) finds optional fields of 3 new units invalid, so d2-orgunits leaves them out: "
    let words = [
      "Bad both (NewBadBoth1) without email and url", "Bad mail (NewBadMail1) without email",
      "Bad url (NewBadUrl01) without url",
    ]
    let trial = world.run("\(Self.copy) --dry-run | jq -r .change | sort | uniq -c; echo ${PIPESTATUS[0]}")
    #expect(trial.lines == ["      4 added", "0"], "\(trial.errors)")
    #expect(trial.errors.contains(warning) && words.allSatisfy { trial.errors.contains($0) }, "\(trial.errors)")
    let outcome = world.run("\(Self.copy) --yes > lines; echo $?; jq -r '[.change, .id] | join(\" \")' lines | sort")
    #expect(
      outcome.lines == ["0", "added NewBadBoth1", "added NewBadMail1", "added NewBadUrl01", "added NewBelow001"],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains(warning) && words.allSatisfy { outcome.errors.contains($0) }, "\(outcome.errors)")
    func further(_ uid: String) throws -> [String: String] {
      try unit(uid, world.destination).further.mapValues { $0.string ?? $0.text }
    }
    #expect(try further("NewBadUrl01") == ["email": "a@example.org"])
    #expect(try further("NewBadMail1") == ["url": "https://example.org"])
    #expect(try further("NewBadBoth1") == ["comment": "stays"])
    #expect(world.run("\(Self.copy) --update --yes | wc -l").lines == ["0"], "the fields do not count as a difference")
  }

  @Test("new units get the values of attributes that the destination has", arguments: [Version.v40, .v42, .v43])
  func attributes(version: Version) throws {
    let world = try World(pairIn: .sqlite, version, version)
    world.run("d2-orgunits sync --pair hmis --level Zone > /dev/null")
    func attribute(_ uid: String, _ more: String = "") -> String {
      #"{"id":"\#(uid)","organisationUnitAttribute":true\#(more)}"#
    }
    func attributes(_ list: [String]) -> String { #"{"attributes":[\#(list.joined(separator: ","))]}"# }
    func values(_ values: [(String, String)]) -> String {
      let list = values.map { #"{"value":"\#($0.1)","attribute":{"id":"\#($0.0)"}}"# }
      return #","attributeValues":[\#(list.joined(separator: ","))]"#
    }
    let zone = zones(world)[0]
    try world.change(source: attributes(["Mandatory01", "OptionalNum", "OnlySource1"].map { attribute($0) }))
    try world.change(
      destination: attributes([
        attribute("Mandatory01", #","mandatory":true"#), attribute("OptionalNum", #","valueType":"INTEGER""#),
      ]))
    try world.change(
      source: Self.units([
        Self.unit("NewWithAll1", "All", below: zone, values([("Mandatory01", "a"), ("OnlySource1", "b")])),
        Self.unit("NewBadNumb1", "Number", below: zone, values([("OptionalNum", "seven"), ("Mandatory01", "c")])),
        Self.unit("NewWithout1", "Without", below: zone, values([("OptionalNum", "7")])),
        Self.unit("NewBelow001", "Below", below: "NewWithout1", values([("Mandatory01", "d")])),
      ]))
    let outcome = world.run(
      "\(Self.copy) --yes > lines; echo $?; jq -r '[.change, .id, (.problem // empty)] | join(\" \")' lines | sort")
    #expect(
      outcome.lines == [
        "1", "added NewBadNumb1", "added NewWithAll1", "refused NewBelow001 parentMissing", "refused NewWithout1 E4011",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("lacks 1 attribute of organisation units, so their values are not copied: OnlySource1"),
      "\(outcome.errors)")
    #expect(outcome.errors.contains("Number (NewBadNumb1) without attributeValues"), "\(outcome.errors)")
    #expect(outcome.errors.contains("Attribute `Mandatory01` is required"), "\(outcome.errors)")
    func held(_ uid: String) throws -> String? {
      try unit(uid, world.destination).further["attributeValues"]?.text
    }
    #expect(try held("NewWithAll1") == #"[{"value":"a","attribute":{"id":"Mandatory01"}}]"#)
    #expect(try held("NewBadNumb1") == #"[{"value":"c","attribute":{"id":"Mandatory01"}}]"#)
    // An update changes no values of attributes.
    try world.change(
      source: Self.units([#"{"id":"NewWithAll1","name":"Renamed"\#(values([("Mandatory01", "other")]))}"#]))
    let update = world.run("\(Self.copy) --update --yes | jq -r 'select(.change == \"renamed\") | .id'")
    #expect(update.lines == ["NewWithAll1"], "\(update.errors)")
    #expect(try held("NewWithAll1") == #"[{"value":"a","attribute":{"id":"Mandatory01"}}]"#)
  }

  @Test("a unit whose parent the destination lacks is not made, and no root beside the destination's")
  func orphans() throws {
    let world = try World(pairIn: .sqlite)
    let facility = try #require(world.metadata.organisationUnits.last { $0.level == 5 })
    let zone = world.metadata.organisationUnits[facility.parent!]
    world.run("d2-orgunits sync --pair hmis --level 5 > /dev/null")
    try world.change(destination: Self.units([#"{"id":"\#(zone.uid)","removed":true}"#]))
    let lost = world.metadata.organisationUnits.count { $0.level == 5 && $0.path.contains(zone.uid) }
    let outcome = world.run(
      "\(Self.copy) --yes | jq -r '[.change, .problem, .reason] | join(\" \")' | sort | uniq -c | tr -s ' '")
    #expect(
      outcome.lines == [
        " \(lost) refused parentMissing its parent \(zone.name) (\(zone.uid)) is not at the destination"
      ],
      "\(outcome.output)\(outcome.errors)")
    // With all units of the pair the zone comes first, and its facilities with it.
    let all = world.run(
      "d2-orgunits sync --pair hmis --all --quiet > /dev/null; \(Self.copy) --yes | jq -r .id | wc -l")
    #expect(all.lines == ["\(lost + 1)"], "\(all.errors)")
    try world.change(source: Self.units([#"{"id":"SecondRoot1","name":"Second","openingDate":"2024-01-01"}"#]))
    let root = world.run("d2-orgunits sync --pair hmis --quiet > /dev/null; \(Self.copy) --yes | jq -r .problem")
    #expect(root.lines == ["otherRoot"], "\(root.errors)")
  }

  @Test(
    "--update takes over renames, moves, closings and codes, and nothing else of a unit changes",
    arguments: [Version.v40, .v42, .v43])
  func updates(version: Version) throws {
    let world = try World(pairIn: .sqlite, version, version)
    world.run("d2-orgunits sync --pair hmis > /dev/null")
    let facilities = world.metadata.organisationUnits.filter { $0.level == 5 }
    let parents = facilities.map { world.metadata.organisationUnits[$0.parent!].uid }
    let other = try #require(parents.first { $0 != parents[1] })
    try world.change(
      destination: Self.units(
        facilities.prefix(6).map {
          #"{"id":"\#($0.uid)","comment":"of the destination","attributeValues":[{"value":"7"}]}"#
        }
          + [
            #"{"id":"\#(facilities[3].uid)","closedDate":"2023-12-31"}"#,
            #"{"id":"\#(facilities[5].uid)","code":"own"}"#,
          ]))
    try world.change(
      source: Self.units([
        #"{"id":"\#(facilities[0].uid)","name":"Renamed"}"#,
        #"{"id":"\#(facilities[1].uid)","parent":{"id":"\#(other)"}}"#,
        #"{"id":"\#(facilities[2].uid)","closedDate":"2024-06-30"}"#,
        #"{"id":"\#(facilities[4].uid)","code":"better"}"#,
        #"{"id":"\#(facilities[5].uid)","code":null,"name":"No code here"}"#,
      ]))
    let without = world.run("\(Self.copy) --yes; echo $?")
    #expect(without.lines == ["0"], "\(without.output)")
    let outcome = world.run("\(Self.copy) --update --yes > lines; echo $?; jq -c '[.change, .id]' lines | sort")
    let expected = ["renamed", "moved", "closed", "reopened", "changed", "renamed"].enumerated()
    #expect(
      outcome.lines == ["0"] + expected.map { #"["\#($0.element)","\#(facilities[$0.offset].uid)"]"# }.sorted(),
      "\(outcome.output)\(outcome.errors)")
    let closed = world.run(
      "jq -r 'select(.change == \"closed\").closedDate, select(.change == \"moved\").previousPath' lines")
    #expect(Set(closed.lines) == ["2024-06-30", facilities[1].path])
    for facility in facilities.prefix(6) {
      let (here, there) = try (unit(facility.uid, world.source), unit(facility.uid, world.destination))
      #expect(there.name == here.name && there.path == here.path && there.closed == here.closed)
      #expect(there.further["comment"] == "of the destination" && there.further["attributeValues"]?.array?.count == 1)
    }
    #expect(try unit(facilities[4].uid, world.destination).code == "better")
    #expect(try unit(facilities[5].uid, world.destination).code == "own", "what the source does not say stays")
    #expect(world.run("\(Self.copy) --update --yes | wc -l").lines == ["0"])
  }

  @Test(
    "--update changes units whose translations are invalid, and leaves the translations alone",
    arguments: [Version.v40, .v42, .v43])
  func translations(version: Version) throws {
    let world = try World(pairIn: .sqlite, version, version)
    world.run("d2-orgunits sync --pair hmis > /dev/null")
    let uids = world.metadata.organisationUnits.filter { $0.level == 5 }.prefix(3).map(\.uid)
    let translations =
      #"[{"property":"NAME","locale":"fr","value":"a"},{"property":"NAME","locale":"fr","value":"b"},{"locale":"pt"}]"#
    try world.change(
      destination: Self.units([
        #"{"id":"\#(uids[0])","code":"A","translations":\#(translations)}"#, #"{"id":"\#(uids[1])","code":"B"}"#,
      ]))
    // Two swap their codes, so each of them is posted twice.
    try world.change(
      source: Self.units([
        #"{"id":"\#(uids[0])","code":"B","name":"Renamed"}"#, #"{"id":"\#(uids[1])","code":"A"}"#,
        #"{"id":"\#(uids[2])","name":"Renamed too"}"#,
      ]))
    let outcome = world.run(
      "\(Self.copy) --update --yes > lines; echo $?; jq -r '[.change, .id] | join(\" \")' lines | sort")
    #expect(
      outcome.lines == ["0"] + ["renamed \(uids[0])", "changed \(uids[1])", "renamed \(uids[2])"].sorted(),
      "\(outcome.output)\(outcome.errors)")
    let there = try unit(uids[0], world.destination)
    #expect(there.name == "Renamed" && there.code == "B", "\(there.name) \(there.code ?? "")")
    #expect(there.further["translations"]?.text == translations)
  }

  @Test(
    "units that swap their codes, or pass them on, are changed in two steps", arguments: [Version.v40, .v42, .v43])
  func swappedCodes(version: Version) throws {
    let world = try World(pairIn: .sqlite, version, version)
    world.run("d2-orgunits sync --pair hmis > /dev/null")
    let units = world.metadata.organisationUnits.filter { $0.level == 5 }.map(\.uid)
    func codes(_ codes: [String]) -> String {
      Self.units(zip(units, codes).map { #"{"id":"\#($0)","code":"\#($1)"}"# })
    }
    try world.change(destination: codes(["A", "B", "C", "D", "E", "F"]))
    try world.change(source: codes(["B", "A", "D", "new", "E", "E2"]))
    try world.change(source: Self.units([Self.unit("NewClinic01", "New", below: zones(world)[0], #","code":"C""#)]))
    let without = world.run("\(Self.copy) --yes | jq -r .reason")
    let holder = try unit(units[2], world.destination)
    #expect(
      without.lines == [
        "the code C is that of \(holder.name) (\(holder.uid)), which has another code at the source: change both, with --update"
      ], "\(without.output)")
    let outcome = world.run(
      "\(Self.copy) --update --yes > lines; echo $?; jq -r .change lines | sort | uniq -c | tr -s ' '")
    #expect(outcome.lines == ["0", " 1 added", " 5 changed"], "\(outcome.output)\(outcome.errors)")
    let found = try units.prefix(6).map { try unit($0, world.destination).code }
    #expect(try found == ["B", "A", "D", "new", "E", "E2"] && unit("NewClinic01", world.destination).code == "C")
    #expect(world.run("\(Self.copy) --update --yes | wc -l").lines == ["0"])
  }

  @Test("a code whose holder cannot be changed is refused with the reason, and the holder keeps it")
  func keptCodes() throws {
    let world = try World(pairIn: .sqlite)
    world.run("d2-orgunits sync --pair hmis > /dev/null")
    let units = world.metadata.organisationUnits.filter { $0.level == 5 }.map(\.uid)
    try world.change(
      destination: Self.units([#"{"id":"\#(units[0])","code":"A"}"#, #"{"id":"\#(units[1])","code":"B"}"#]))
    let long = String(repeating: "x", count: 51)
    try world.change(
      source: Self.units([#"{"id":"\#(units[0])","code":"B"}"#, #"{"id":"\#(units[1])","code":"\#(long)"}"#]))
    let outcome = world.run("\(Self.copy) --update --yes | jq -r '[.id, .problem] | join(\" \")' | sort")
    #expect(outcome.lines == ["\(units[0]) codeTaken", "\(units[1]) E4001"].sorted(), "\(outcome.output)")
    #expect(outcome.errors.contains("(\(units[1])), which cannot be changed itself"), "\(outcome.errors)")
    #expect(try unit(units[1], world.destination).code == "B")
  }

  @Test("--below takes one unit and what is below it, by uid, code or name")
  func below() throws {
    let world = try world()
    try world.change(source: Self.units([Self.unit("NewClinic09", "Elsewhere", below: zones(world)[1])]))
    let other = try unit(zones(world)[1], world.source)
    let outcome = world.run(
      """
      \(Self.copy) --yes --below nothing; echo $?; \(Self.copy) --yes --below \(world.root) --dry-run | wc -l
      \(Self.copy) --yes --below "\(other.name)" | jq -r .id; \(Self.copy) --yes --below NewClinic02 | jq -r .problem
      """)
    #expect(outcome.lines == ["64", "4", "NewClinic09", "parentMissing"], "\(outcome.errors)")
  }

  @Test("a destination user without the right: each unit is refused, with who lacks what")
  func withoutRight() throws {
    let metadata = try JSONValue(parsing: try Recorded.bytes("metadata.json"))
    let world = try World(pairIn: .sqlite, pair: false) { $0.metadata = metadata }
    world.run(
      """
      D2_DESTINATION_PASSWORD=Recording-1 d2-pairs add hmis --quiet --source-url $SRC --source-username admin \
        --source-password env:SOURCE_PASSWORD --destination-url $DST --destination-username clerk > /dev/null
      d2-orgunits sync --pair hmis > /dev/null; d2-datasets sync --pair hmis > /dev/null
      """)
    try world.change(source: Self.units([Self.unit("NewClinic01", "New", below: "RecOuDistB1")]))
    let outcome = world.run("\(Self.copy) --yes > lines; echo $?; jq -r .problem lines")
    #expect(outcome.lines == ["1", "E3000"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("is not allowed to create"), "\(outcome.errors)")
  }

  @Test("a new unit that lies outside of the destination user's units is said before it is made")
  func outside() throws {
    let world = try world()
    world.source.resetStatistics()
    let other = zones(world)[1]
    try world.change(destination: Self.units([]))
    world.destination.restrict(user: "admin", to: [other])
    let outcome = world.run("\(Self.copy) --dry-run > /dev/null; echo $?")
    #expect(outcome.lines == ["0"])
    #expect(outcome.errors.contains("3 new units lie outside of the units of admin"), "\(outcome.errors)")
  }

  @Test("a destination user may have more own units than a condition of SQL takes")
  func manyOwnUnits() throws {
    let world = try world()
    let zones = zones(world)
    let own = (1000..<2500).map { "OwnUnit\($0)" }
    try world.change(destination: Self.units(own.map { Self.unit($0, $0, below: zones[1]) }))
    world.destination.restrict(user: "admin", to: own)
    let outside = world.run("\(Self.copy) --dry-run > /dev/null; echo $?")
    #expect(outside.lines == ["0"], "\(outside.errors)")
    #expect(outside.errors.contains("3 new units lie outside of the units of admin"), "\(outside.errors)")
    world.destination.restrict(user: "admin", to: own + [zones[0]])
    let inside = world.run("\(Self.copy) --dry-run > /dev/null; echo $?")
    #expect(inside.lines == ["0"] && !inside.errors.contains("outside"), "\(inside.errors)")
  }

  @Test("a lost answer, a proxy that takes less, and a failure in the middle: the next run goes on")
  func resumes() throws {
    let world = try World(pairIn: .sqlite)
    world.run("d2-orgunits sync --pair hmis --level Zone > /dev/null")
    let zones = zones(world)
    let new = (1000..<2600).map { Self.unit("NewClin\($0)", "Clinic \($0)", below: zones[$0 % 2]) }
    try world.change(source: Self.units(new))
    try world.fail(
      destination:
        #"{"kind":"status","status":500,"path":"/api/metadata","query":"importMode=COMMIT","skip":1,"times":1}"#)
    let broken = world.run("\(Self.copy) --yes > lines; echo $?; wc -l < lines")
    #expect(broken.lines.first == "75", "\(broken.errors)")
    let made = world.destination.metadata.organisationUnits.count - World.units
    #expect(made == 500 && broken.lines.last == "500", "\(broken.lines)")
    try world.fail(destination: #"{"kind":"lost-answer","path":"/api/metadata","query":"importMode=COMMIT"}"#)
    try world.fail(destination: #"{"kind":"too-large","bytes":20000,"path":"/api/metadata","times":0}"#)
    let healed = world.run("\(Self.copy) --yes > lines; echo $?; jq -r .change lines | sort | uniq -c")
    #expect(healed.lines == ["0", "   1100 added"], "\(healed.output)\(healed.errors)")
    #expect(world.destination.metadata.organisationUnits.count == World.units + 1600)
  }

  @Test("sync --copy-units: the first report of a new clinic is not refused", arguments: [Version.v40, .v43])
  func sync(version: Version) throws {
    let world = try World(slicesIn: .sqlite, version, version, values: 300, level: "Zone")
    let set = world.metadata.dataSets[0]
    try world.change(source: Self.units([Self.unit("NewClinic01", "New", below: zones(world)[0])]))
    let members =
      set.units.map { #"{"id":"\#(world.metadata.organisationUnits[$0].uid)"}"# } + [#"{"id":"NewClinic01"}"#]
    try world.change(
      source: #"{"dataSets":[{"id":"\#(set.uid)","organisationUnits":[\#(members.joined(separator: ","))]}]}"#)
    let value = try #require(world.content(world.source, of: [0]).compactMap { try? JSONValue(parsing: $0) }.first)
    let report = JSONValue.object(
      (value.members ?? []).map {
        .init($0.key, $0.key == "orgUnit" ? "NewClinic01" : $0.key == "period" ? "202402" : $0.value)
      })
    world.shell.write("report", report.text + "\n")
    let outcome = world.run(
      """
      curl -sf --data-binary @report $SRC/control/values > /dev/null
      scripts/sync hmis --copy-units --dry-run > trial; echo $?
      scripts/sync hmis > without; echo $?
      scripts/sync hmis --copy-units > with; echo $?
      scripts/sync hmis --copy-units > again; echo $?
      curl -sf $DST/control/values | grep -c NewClinic01
      """)
    #expect(outcome.lines == ["0", "1", "0", "0", "1"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("1 unit assigned"), "\(outcome.errors)")
  }
}
