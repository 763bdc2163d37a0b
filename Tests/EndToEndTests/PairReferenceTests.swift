import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// A pair is found by the number of its row, also if another one is called so.
@Suite("pairs that are called as others are numbered", .waiting)
struct PairReferenceTests {
  /// Two servers with different values for the same keys. Pair 1 moves them one way. Pair 2, whose name is 1, moves
  /// them the other way.
  private static func world(_ kind: StoreKind) throws -> World {
    let world = try World(slicesIn: kind, values: 300, level: nil)
    let ready = world.run(
      """
      d2-pairs add back --source-url $DST --source-username admin --source-password env:SOURCE_PASSWORD --source-name back \
        --destination-url $SRC --destination-username admin --destination-password env:SOURCE_PASSWORD > /dev/null
      for verb in "orgunits sync" "datasets sync"; do d2-$verb --pair back > /dev/null || exit; done
      d2-slices plan --pair hmis -y 2022 > /dev/null && d2-slices plan --pair back -y 2022 > /dev/null
      """)
    guard ready.status == 0 else { fatalError("no pairs: \(ready.errors)") }
    // An old store may have a name that is refused now.
    try world.store.connect().execute("UPDATE integration_pair SET name = '1' WHERE id = 2")
    try world.fill("11", world.source)
    try world.fill("14", world.destination)
    return world
  }

  @Test("d2-slices run moves each pair's slices between its own servers", arguments: StoreKind.available)
  func run(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let before = world.held
    #expect(before[0] > 50 && before[1] == 0 && before[2] == 0 && before[3] == before[0], "\(before)")
    let there = world.run("d2-slices run --pair hmis --jobs 2 -- \"$MOVE\" > /dev/null; echo $?")
    #expect(there.lines == ["0"] && world.held == [before[0], 0, before[0], 0], "\(world.held) \(there.errors)")
    try world.fill("14", world.destination)
    let back = world.run("d2-slices run --pair id:2 --jobs 2 -- \"$MOVE\" > /dev/null; echo $?")
    #expect(back.lines == ["0"] && world.held == [0, before[0], 0, before[0]], "\(world.held) \(back.errors)")
  }

  @Test("D2_PAIR names the slice's pair to whatever a command of its own asks", arguments: StoreKind.available)
  func variable(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let command = #"d2-pairs show "$D2_PAIR" | jq -r .id; d2-orgunits list --pair "$D2_PAIR" --format json > /dev/null"#
    for (pair, number) in [("hmis", "1"), ("id:2", "2")] {
      let outcome = world.run("d2-slices run --pair \(pair) --max-slices 2 --trust-status -- '\(command)'")
      #expect(outcome.lines == [number, number], "\(outcome.output)\(outcome.errors)")
    }
  }

  @Test("scripts/integrator moves each pair between its own servers", arguments: StoreKind.available)
  func integrator(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let before = world.held
    // The first pair's destination is the second one's source: all ends as the first source has it.
    let outcome = world.run("scripts/integrator -d -y 2022 > out 2> errors; echo $?; grep -c 'NOT MOVED' out")
    #expect(
      outcome.lines == ["0", "0"] && world.held == [before[0], 0, before[0], 0],
      "\(world.held) \(world.shell.file("out"))\(world.shell.file("errors"))")
    let dry = world.run("d2-slices reset --pair id:2 --all --yes --quiet; scripts/integrator -d -y 2022 --dry-run")
    #expect(
      dry.lines.contains { $0.contains("pair 1: ") && $0.contains(" would be moved from 127") }
        && dry.lines.contains { $0.contains("pair 2: ") && $0.contains(" would be moved from back to 127") },
      "\(dry.output)")
  }

  @Test(
    "d2-diff --slice, d2-pull --slice and d2-push --slice take the slice's own servers", arguments: StoreKind.available)
  func diff(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let outcome = world.run(
      """
      curl -sf -X DELETE $DST/control/values > /dev/null
      for pair in hmis id:2; do
        d2-slices list --pair $pair | while IFS= read -r slice; do
          d2-diff --slice "$slice" --extras --quiet --summary summary > /dev/null; jq -c '[.missing, .extra]' summary
        done | jq -s -c 'map(.[0]) as $m | map(.[1]) as $e | [($m | add) > 0, ($e | add) > 0]'
      done
      d2-slices list --pair hmis | while IFS= read -r slice; do
        d2-pull --slice "$slice" --spool --quiet | d2-push --slice "$slice" --quiet > /dev/null || echo failed
      done
      """)
    #expect(outcome.lines == ["[true,false]", "[false,true]"], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences { $0["deleted"] != true }
    #expect(differences == [])
  }

  @Test("what may mean two pairs is refused with both; id: means the number alone", arguments: StoreKind.available)
  func ambiguous(kind: StoreKind) throws {
    let world = try Self.world(kind)
    for command in [
      "d2-pairs show 1", "d2-slices status --pair 1", "d2-pull --pair 1 -y 2022", "d2-diff --pair 1 -y 2022",
    ] {
      let outcome = world.run("\(command); echo $?")
      #expect(
        outcome.lines == ["78"]
          && outcome.errors.contains(
            #"pair "1" may be any of id:1 (hmis), id:2 (1): give one of these, such as --pair id:1"#),
        "\(command): \(outcome.output)\(outcome.errors)")
    }
    let outcome = world.run(
      """
      for pair in id:1 id:2 2 hmis; do d2-pairs show $pair | jq -c '[.id, .pair]'; done
      d2-pairs show id:3; echo $?; d2-pairs show 3; echo $?
      for name in 7 007 ' 1 ' id:2 id:x ' '; do d2-pairs set id:2 --name "$name"; echo $?; d2-pairs add "$name" --source-url $SRC --destination-url $DST; echo $?; done
      d2-pairs set id:2 --name back-2 | jq -r .pair; d2-pairs show 1 | jq -r .pair
      """)
    #expect(
      outcome.lines == [#"[1,"hmis"]"#, #"[2,"1"]"#, #"[2,"1"]"#, #"[1,"hmis"]"#, "78", "78"]
        + [String](repeating: "64", count: 12) + ["back-2", "hmis"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains(#"a pair cannot be called "007": numbers and id: mean rows of the store"#))
  }
}

extension World {
  /// Gives every live value of the source this text, at a server.
  fileprivate func fill(_ text: String, _ server: StandIn) throws {
    let lines = source.values.split(separator: "\n").compactMap { line -> String? in
      guard let value = try? JSONValue(parsing: String(line)), value["deleted"] != true, value["value"] != .null,
        Double(value["value"]?.string ?? "x") != nil
      else { return nil }
      var members = value.members ?? []
      for place in members.indices where members[place].key == "value" { members[place].value = .string(text) }
      return JSONValue.object(members).text
    }
    try server.load(values: lines.joined(separator: "\n"))
  }

  /// How many values with a text a server has.
  fileprivate func count(_ text: String, _ server: StandIn) -> Int {
    Self.content(server).count { $0.contains(#""value":"\#(text)""#) }
  }

  /// The same for both servers: `source 11, source 14, destination 11, destination 14`.
  fileprivate var held: [Int] { [source, destination].flatMap { [count("11", $0), count("14", $0)] } }
}
