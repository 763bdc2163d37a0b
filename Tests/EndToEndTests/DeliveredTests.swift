import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Increments overlap, and deliver each change once all the same.
@Suite("increments: what was delivered before", .waiting)
struct DeliveredTests {
  /// The values of the source as if they had changed a minute ago.
  private static func world(
    _ kind: StoreKind, _ version: StandInServer.ServerVersion = .v42, daysAgo: Int = 0
  ) throws -> World {
    let world = try World(slicesIn: kind, version, version, values: 400, level: nil) { options in
      options.clockStart = Clock.machineMilliseconds() - Int64(daysAgo) * 86_400_000
    }
    let old = world.content(world.source, of: [0]).prefix(300).joined(separator: "\n")
    world.shell.write("old", old + "\n")
    _ = world.run(
      """
      curl -sf -o /dev/null --data-binary @old $SRC/control/values; sleep 3
      """)
    return world
  }

  private static let run =
    "d2-slices plan --pair hmis -i --data-set MONTH --quiet > /dev/null; d2-slices run --pair hmis --quiet; echo $?"
  private static let last = "d2-slices list --pair hmis | jq -s -c 'max_by(.id) | [.pulled, .state]'"

  @Test("nothing new: nothing goes to d2-push; one change: one value", arguments: StoreKind.available)
  func once(kind: StoreKind) throws {
    // The source's clock decides, not this machine's.
    let world = try Self.world(kind, daysAgo: kind == .sqlite ? 400 : 0)
    let outcome = world.run(
      """
      \(Self.run); \(Self.last); sleep 2
      \(Self.run); \(Self.last)
      head -1 old | jq -c '.value = "77" | del(.lastUpdated, .created)' > change
      curl -sf -o /dev/null --data-binary @change $SRC/control/values
      \(Self.run); \(Self.last); sleep 3
      \(Self.run); \(Self.last)
      \(Self.run); \(Self.last)
      find state/d2/delivered -type f | wc -l; find state/d2/delivered \\( -type f -perm /077 -o -type d -perm /077 \\) | wc -l
      """)
    let pulled = outcome.lines.filter { $0.hasPrefix("[") }
    #expect(pulled.count == 5 && pulled[0] != "[0,\"done\"]", "\(outcome.output)\(outcome.errors)")
    #expect(Array(pulled[1...2]) == ["[0,\"done\"]", "[1,\"done\"]"], "\(outcome.output)\(outcome.errors)")
    #expect(pulled.last == "[0,\"done\"]", "\(outcome.output)")
    #expect(outcome.lines.suffix(2) == ["1", "0"], "\(outcome.output)")
    #expect(world.differences(of: [0]) == [])
  }

  @Test(
    "a slice that is run again, a mark that is set by hand, a damaged file: all of it goes out again",
    arguments: StoreKind.available)
  func again(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let outcome = world.run(
      """
      \(Self.run); first=$(\(Self.last)); sleep 2
      \(Self.run); \(Self.last)
      curl -sf -o /dev/null -X DELETE $DST/control/values
      d2-slices reset --pair hmis --state done --yes --quiet; \(Self.run) > /dev/null
      d2-slices list --pair hmis | jq -s -c 'min_by(.id) | [.pulled, .state]' | grep -cxF "$first"
      """)
    #expect(outcome.lines.last == "1", "\(outcome.output)\(outcome.errors)")
    #expect(world.differences(of: [0]) == [])
    let marked = world.run(
      """
      curl -sf -o /dev/null -X DELETE $DST/control/values
      d2-datasets mark --pair hmis --synced-through $(date -u -d '1 hour ago' +%FT%TZ) all --quiet
      find state/d2/delivered -type f | wc -l; \(Self.run)
      curl -sf -o /dev/null -X DELETE $DST/control/values
      for file in $(find state/d2/delivered -type f); do head -c 101 $file > cut; cp cut $file; done; \(Self.run)
      """)
    #expect(marked.lines == ["0", "0", "0"], "\(marked.output)\(marked.errors)")
    let recent = world.shell.file("old").split(separator: "\n").count
    #expect(recent > 0 && World.content(world.destination).count >= recent, "\(World.content(world.destination).count)")
  }
}
