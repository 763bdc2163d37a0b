import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Lists of a server that is in no pair yet: how somebody finds the first ids.
@Suite("list --url", .waiting)
struct ServerListingTests {
  @Test("data sets and organisation units of a server, by a part of their name or by level")
  func lists() throws {
    let world = try World(pairIn: .sqlite, values: 10)
    let outcome = world.run(
      """
      d2-datasets list --url $SRC | jq -r .id | sort > ids; curl -sf -u "$D2_USERNAME:$D2_PASSWORD" "$SRC/api/dataSets?paging=false&fields=id" | jq -r '.dataSets[].id' | sort | cmp - ids && [ -s ids ] && echo all
      d2-datasets list --url $SRC --search "$SOME" | jq -c '[.id, .periodType]'
      d2-orgunits list --url $SRC --level 1 | jq -r .id; d2-orgunits list --url $SRC --format tsv | wc -l
      d2-datasets list --url $SRC --search zzzz; echo $?; d2-datasets list; echo $?; d2-datasets list --pair hmis --url $SRC; echo $?
      D2_PASSWORD=wrong d2-datasets list --url $SRC; echo $?
      d2-datasets sync --pair hmis --quiet > /dev/null; d2-datasets list --pair hmis --search "$SOME" | jq -r .id
      """, ["SOME": String(world.metadata.dataSets[0].name.uppercased().dropFirst())])
    let set = world.metadata.dataSets[0]
    #expect(
      outcome.lines == [
        "all", "[\"\(set.uid)\",\"Monthly\"]", world.root,
        "\(world.metadata.organisationUnits.count + 1)", "0", "64", "64", "77", set.uid,
      ], "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("shows this user nothing with such a name")
        && outcome.errors.contains("say where to look: --pair (d2-pairs list shows them) or --url"),
      "\(outcome.errors)")
  }
}
