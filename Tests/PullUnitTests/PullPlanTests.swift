import D2Client
import D2Common
import TestSupport
import Testing

@testable import d2_pull

/// The requests that a selection is cut into.
@Suite("PullPlan")
struct PullPlanTests {
  static func options(_ words: String...) throws -> PullOptions { try options(words) }

  static func options(_ words: [String]) throws -> PullOptions {
    let arguments = try Arguments(["--url", "https://dhis2.example"] + words, Pull.description)
    return try PullOptions(arguments, Log(command: "d2-pull", least: .error))
  }

  private static func values(_ parameters: [ExportRequest.Parameter], _ name: String) -> [String] {
    parameters.filter { $0.name == name }.map(\.value)
  }

  @Test("each data set has its own request and names itself in the values")
  func dataSets() throws {
    let requests = PullPlan([
      try Self.options("--data-set", "a,b", "--org-unit", "u,v", "--children", "--period", "202401,202402")
    ]).requests
    #expect(requests.map { Self.values($0.export.subject, "dataSet") } == [["a"], ["b"]])
    #expect(requests.map(\.dataSet) == ["a", "b"])
    for request in requests {
      #expect(Self.values(request.export.places, "orgUnit") == ["u", "v"] && request.export.children)
      #expect(Self.values(request.export.times, "period") == ["202401", "202402"])
      #expect(request.export.target.hasPrefix("/api/dataValueSets?"))
    }
  }

  @Test("where the first answer is waited for, its request has a tenth of the periods")
  func beginningSmall() throws {
    let periods = (10...34).map { "20\($0)" }
    let words = ["--data-set", "a,b", "--org-unit", "u", "--period", periods.joined(separator: ",")]
    let requests = PullPlan([try Self.options(words)]).requests
    let begun = PullPlan.beginningSmall(requests)
    #expect(begun.map { $0.export.times.count } == [3, 22, 25])
    #expect(begun.prefix(2).flatMap { Self.values($0.export.times, "period") } == periods)
    #expect(begun.map(\.dataSet) == ["a", "a", "b"])
    #expect(begun.allSatisfy { $0.export.places.map(\.value) == ["u"] })
    let dates = ["--data-set", "a", "--org-unit", "u", "--start-date", "2024-01-01", "--end-date", "2024-12-31"]
    let whole = PullPlan([try Self.options(dates)]).requests
    #expect(PullPlan.beginningSmall(whole).map(\.export.target) == whole.map(\.export.target))
    #expect(PullPlan.beginningSmall([]).isEmpty)
  }

  @Test("one data set is not named in the values, unless that is asked for, or by its id in the output")
  func tag() throws {
    let words = ["--data-set", "a", "--org-unit", "u", "--period", "2024"]
    #expect(PullPlan([try Self.options(words)]).requests.map(\.dataSet) == [nil])
    var tagged = try Self.options(words + ["--tag-data-set"])
    #expect(PullPlan([tagged]).requests.map(\.dataSet) == ["a"])
    tagged.dataSetNames = ["a": "CODE_A"]
    #expect(PullPlan([tagged]).requests.map(\.dataSet) == ["CODE_A"])
  }

  @Test("what may share values goes in one request")
  func unions() throws {
    let words = ["--org-unit", "u", "--start-date", "2024-01-01", "--end-date", "2024-12-31"]
    let both = PullPlan([try Self.options(["--data-set", "a,b", "--data-element", "x,y"] + words)]).requests
    #expect(both.count == 1 && both[0].dataSet == nil)
    #expect(both[0].export.subject.map(\.value) == ["a", "b", "x", "y"])
    #expect(both[0].export.times.map(\.value) == ["2024-01-01", "2024-12-31"])
    let registrations = PullPlan([try Self.options(["--registrations", "--data-set", "a,b"] + words)]).requests
    #expect(registrations.count == 1 && registrations[0].dataSet == nil)
    #expect(registrations[0].export.target.hasPrefix("/api/completeDataSetRegistrations?dataSet=a&dataSet=b&"))
  }

  @Test("changes alone are asked for with dates: servers from 2.43 on want some")
  func allTime() throws {
    let options = try Self.options("--data-set", "a", "--org-unit", "u", "--last-updated", "2024-01-31")
    let times = PullPlan([options]).requests.map { $0.export.times.map(\.value) }
    #expect(times == [["1900-01-01", "2199-12-31"]])
  }

  @Test("however much is asked for, each data set, unit and period is in one request, in a safe address")
  func random() throws {
    var random = SeededGenerator(seed: 17)
    for _ in 0..<12 {
      func ids(_ prefix: String, _ most: Int) -> [String] {
        (0..<Int.random(in: 1...most, using: &random)).map { "\(prefix)\(1_000_000_000 + $0)" }
      }
      var options = try Self.options("--data-set", "a", "--org-unit", "u", "--period", "2024")
      options.dataSets = ids("d", 3)
      options.orgUnits = ids("u", 400)
      options.periods = ids("p", 120)
      options.children = Bool.random(using: &random)
      let requests = PullPlan([options]).requests
      var seen: [String: Int] = [:]
      for request in requests {
        for place in request.export.places {
          for time in request.export.times {
            seen["\(request.export.subject[0].value) \(place.value) \(time.value)", default: 0] += 1
          }
        }
      }
      #expect(seen.count == options.dataSets.count * options.orgUnits.count * options.periods.count)
      #expect(seen.values.allSatisfy { $0 == 1 })
      #expect(requests.map(\.export.target.utf8.count).max()! <= RequestSize.safeURLBytes)
      #expect(!options.children || requests.allSatisfy { $0.export.places.count <= ExportRequest.mostParents })
    }
  }

  @Test("selections are asked for one after the other")
  func selections() throws {
    let words = ["--org-unit", "u", "--period", "2024"]
    let plan = PullPlan([
      try Self.options(["--data-set", "b"] + words), try Self.options(["--data-set", "a"] + words),
    ])
    #expect(plan.requests.map { $0.export.subject[0].value } == ["b", "a"])
  }
}
