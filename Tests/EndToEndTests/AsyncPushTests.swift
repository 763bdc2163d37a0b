import D2Common
import Testing
import WaitingTests

@testable import StandInServer

/// From 2.41 on, a server runs one import as a job at a time. A batch whose job may still run is never posted again.
@Suite("d2-push --async", .waiting)
struct AsyncPushTests {
  typealias Version = StandInServer.ServerVersion
  private static let values = 1200
  /// A job that has begun may be silent for six seconds.
  private static let push = "d2-push --url $DST --async --batch-size 5000 --first-byte-timeout 6s < values > /dev/null"

  /// A destination with a fault, and the values of the source in the file `values`.
  private func world(_ version: Version, fault: String) throws -> World {
    let world = try World(.v42, version, values: Self.values)
    let pulled = world.run("\(World.pullAll) --quiet > values")
    #expect(pulled.status == 0, "\(pulled.errors)")
    try world.fail(destination: fault)
    return world
  }

  /// How many values each import had.
  private func imports(_ world: World) -> [Int] {
    (world.destination.statistics["importSizes"]?.array ?? []).compactMap(\.int)
  }

  private func lines(_ errors: String, with text: String) -> [Substring] {
    errors.split(separator: "\n").filter { $0.contains(text) }
  }

  @Test("a job that waits behind another import longer than a job may be silent", arguments: [Version.v42, .v43])
  func waits(version: Version) throws {
    let world = try world(
      version, fault: #"{"kind":"job-waits","seconds":15,"method":"POST","path":"/api/dataValueSets"}"#)
    let outcome = world.run(Self.push)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(world.differences() == [])
    #expect(imports(world).reduce(0, +) == Self.values, "\(imports(world))")
    #expect(lines(outcome.errors, with: "waits behind another import of the server").count == 1, "\(outcome.errors)")
    #expect(lines(outcome.errors, with: "retrying").isEmpty, "\(outcome.errors)")
  }

  @Test("jobs of several requests at a time wait for each other", arguments: [Version.v42, .v43])
  func concurrently(version: Version) throws {
    let world = try world(
      version, fault: #"{"kind":"job-waits","seconds":12,"method":"POST","path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      "d2-push --url $DST --async --batch-size 400 --concurrency 3 --first-byte-timeout 6s < values > /dev/null")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(world.differences() == [])
    #expect(imports(world).reduce(0, +) == Self.values, "\(imports(world))")
    #expect(lines(outcome.errors, with: "waits behind").count <= 1, "\(outcome.errors)")
  }

  @Test("a job that never ends is posted once: status 75", arguments: [Version.v40, .v42, .v43])
  func hangs(version: Version) throws {
    let world = try world(version, fault: #"{"kind":"job-hangs","method":"POST","path":"/api/dataValueSets"}"#)
    let outcome = world.run(Self.push)
    #expect(outcome.status == 75, "\(outcome.errors)")
    #expect(imports(world).count == 1, "\(imports(world))")
    #expect(world.destination.values.isEmpty)
    #expect(World.totals(outcome.errors)["not"] == Self.values, "\(outcome.errors)")
    #expect(lines(outcome.errors, with: "nothing was heard of the job for 6 s").count == 1, "\(outcome.errors)")
    #expect(lines(outcome.errors, with: "may still arrive").count == 1, "\(outcome.errors)")
    #expect(lines(outcome.errors, with: "retrying").isEmpty, "\(outcome.errors)")
  }

  @Test("if the server no longer answers questions about a job, the values are not posted again: status 75")
  func unknown() throws {
    let world = try world(.v42, fault: #"{"kind":"status","status":500,"path":"/api/system/tasks/","times":0}"#)
    let outcome = world.run(Self.push)
    #expect(outcome.status == 75, "\(outcome.errors)")
    #expect(imports(world).count == 1, "\(imports(world))")
    #expect(lines(outcome.errors, with: "may still arrive").count == 1, "\(outcome.errors)")
  }
}
