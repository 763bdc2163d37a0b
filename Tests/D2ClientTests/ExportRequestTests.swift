import D2Common
import TestSupport
import Testing

@testable import D2Client

/// A question to an export, cut so that each part has a safe address.
@Suite("ExportRequest")
struct ExportRequestTests {
  private static func request(
    _ random: inout SeededGenerator, hasPeriods: Bool, children: Bool
  ) -> ExportRequest {
    func parameters(_ name: String, _ most: Int, _ prefix: String) -> [ExportRequest.Parameter] {
      (0..<Int.random(in: 1...most, using: &random)).map { (name, "\(prefix)\(100_000 + $0)") }
    }
    return ExportRequest(
      .dataValues, subject: [("dataSet", "abcdefghij1")],
      combos: Bool.random(using: &random) ? [] : parameters("attributeOptionCombo", 30, "combo"),
      places: parameters("orgUnit", 600, "unit "),
      times: hasPeriods ? parameters("period", 300, "2") : ExportRequest.days(ExportRequest.allTime),
      passedOn: [("compression", "gzip")], children: children)
  }

  /// The combinations that a request covers: each combo, place and time.
  private static func cells(_ request: ExportRequest) -> [String] {
    let combos = request.combos.isEmpty ? [("", "")] : request.combos
    let times = request.times.first?.name == "period" ? request.times.map(\.value) : ["dates"]
    return combos.flatMap { combo in
      request.places.flatMap { place in times.map { "\(combo.1) \(place.value) \($0)" } }
    }
  }

  @Test("the parts ask for everything once, in safe addresses", arguments: [false, true], [false, true])
  func fitting(hasPeriods: Bool, children: Bool) {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<4 {
      var whole = Self.request(&random, hasPeriods: hasPeriods, children: children)
      // Fewer, so that the slow version stays fast.
      whole.places = Array(whole.places.prefix(hasPeriods ? 100 : 300))
      whole.times = Array(whole.times.prefix(30))
      let parts = whole.fitting()
      #expect(parts.flatMap(Self.cells).sorted() == Self.cells(whole).sorted())
      let longest = parts.map(\.target.utf8.count).max() ?? 0
      #expect(longest <= RequestSize.safeURLBytes)
      let most = parts.map(\.places.count).max() ?? 0
      #expect(most <= (children ? ExportRequest.mostParents : .max))
      #expect(parts.allSatisfy { $0.children == children && $0.passedOn.count == 1 && $0.subject.count == 1 })
    }
  }

  @Test("what fits stays one request, with its parameters in one order")
  func whole() {
    let request = ExportRequest(
      .registrations, subject: [("dataSet", "a")], places: [("orgUnit", "b c"), ("orgUnit", "d")],
      times: ExportRequest.days(("2024-01-01", "2024-01-31")), passedOn: [("created", "2024-01-01")], children: true)
    let parts = request.fitting()
    #expect(parts.count == 1)
    #expect(
      parts.first?.limited(to: 5).target
        == "/api/completeDataSetRegistrations?dataSet=a&orgUnit=b%20c&orgUnit=d&startDate=2024-01-01&endDate=2024-01-31"
        + "&created=2024-01-01&children=true&limit=5")
  }

  @Test("runs of parameters keep their order and are as few as fit")
  func groups() {
    let parameters: [ExportRequest.Parameter] = (0..<10).map { ("a", "\($0)") }
    // Each takes four bytes: a name, a value, and two signs.
    let runs = ExportRequest.groups(parameters, room: 12).map { $0.map(\.value).joined() }
    #expect(runs == ["012", "345", "678", "9"])
    #expect(ExportRequest.groups(parameters, room: 12, most: 2).map(\.count) == [2, 2, 2, 2, 2])
    #expect(ExportRequest.groups([], room: 12).count == 0)
    #expect(ExportRequest.groups([], room: 12, orNone: true).count == 1)
  }
}
