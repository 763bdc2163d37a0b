import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// scripts/integrator without `-d`: through the dispatcher of the Python tool, or the one in Go.
@Suite("scripts/integrator through a queue", .waiting)
struct IntegratorQueueTests {
  typealias Flavour = DispatcherOptions.Flavour

  @Test("without -d the values go through the queue, whichever it is, and arrive", arguments: Flavour.allCases)
  func queued(flavour: Flavour) throws {
    let world = try World(python: StoreKind.hasPostgreSQL, values: 600, queue: flavour)
    let outcome = world.run("scripts/integrator -y 2022 -m 5", world.queueEnvironment)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    world.waitForDelivery()
    let differences = world.differences(deleted: false) {
      guard let period = $0["period"]?.string.flatMap({ Period(id: $0) }) else { return false }
      return period.start <= CalendarDate(year: 2022, month: 5, day: 31)!
        && period.end >= CalendarDate(year: 2022, month: 5, day: 1)!
    }
    #expect(differences == [])
    #expect(!world.queue.requests.isEmpty)
  }

  @Test("-i through the queue: what was only queued is asked for again by the next one", arguments: Flavour.allCases)
  func queuedIncrement(flavour: Flavour) throws {
    let world = try World(python: false, values: 400, queue: flavour)
    let i = "scripts/integrator -i > out; echo $?"
    let list =
      "d2-slices list --pair 1 | jq -s -c '[length, all(.state == \"done\" and .since == null), (map(.queued) | add > 0)]'"
    let marks = "d2-datasets list --pair 1 | jq -s -c 'map(select(.syncedThrough == null)) | length > 0'"
    let first = world.run("\(i); \(list); \(marks)", world.queueEnvironment)
    #expect(first.lines == ["0", "[6,true,true]", "true"], "\(first.output)\(first.errors)\(world.shell.file("out"))")
    world.waitForDelivery()
    // Like a queue that loses its requests.
    let held = world.destination.values.split(separator: "\n").count
    let second = world.run(
      "curl -sf -X DELETE $DST/control/values > /dev/null; \(i); \(marks)", world.queueEnvironment)
    #expect(second.lines == ["0", "true"], "\(second.output)\(second.errors)\(world.shell.file("out"))")
    world.waitForDelivery()
    let again = world.destination.values.split(separator: "\n").count
    #expect(again == held && held > 0, "\(again) instead of \(held)")
    // Direct delivery moves the mark.
    let direct = world.run("scripts/integrator -d -i > out; echo $?; \(marks)")
    #expect(direct.lines == ["0", "false"], "\(direct.output)\(direct.errors)\(world.shell.file("out"))")
  }

  @Test("a queue that is not there is reported, and nothing is taken for done")
  func noQueue() throws {
    let world = try World(python: false, values: 200)
    let outcome = world.run(
      "scripts/integrator -y 2022 -m 5; echo $?; d2-slices list --pair 1 --state done | jq 'select(.pulled > 0)' | wc -l",
      ["D2_DISPATCHER_URL": "http://127.0.0.1:1/queue", "D2_GIVE_UP_AFTER": "1s", "D2_DISPATCHER": "go-dispatcher2"])
    #expect(
      outcome.lines.suffix(2) == ["75", "0"],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.output.contains("NOT MOVED"))
    #expect(world.destination.values.isEmpty)
  }
}
