import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Increments from servers whose clocks show other times: nothing that changed is missed, and nothing comes that did
/// not.
@Suite("increments and time zones", .waiting)
struct TimeZoneTests {
  /// A zone, and a moment in it about which values change.
  struct Place: Sendable, CustomStringConvertible {
    let zone: String
    let moment: String
    var description: String { "\(zone) \(moment)" }
    var seconds: Int { UTCTime(moment)!.seconds }
  }

  /// Of the two with daylight-saving time: when clocks are set on and back.
  static let places = [
    Place(zone: "America/Bogota", moment: "2024-06-15T04:00:00Z"), Place(zone: "UTC", moment: "2024-06-15T00:00:00Z"),
    Place(zone: "Africa/Nairobi", moment: "2024-06-15T21:00:00Z"),
    Place(zone: "Asia/Kathmandu", moment: "2024-06-15T18:00:00Z"),
    Place(zone: "America/New_York", moment: "2024-03-10T07:00:00Z"),
    Place(zone: "America/New_York", moment: "2024-11-03T06:00:00Z"),
    Place(zone: "Europe/Berlin", moment: "2024-03-31T01:00:00Z"),
    Place(zone: "Europe/Berlin", moment: "2024-10-27T01:00:00Z"),
  ]
  static let versions: [StandInServer.ServerVersion] = [.v40, .v42, .v43]

  /// Values of the monthly data set, one for each moment, numbered.
  private static func lines(_ moments: [Int], from first: Int = 0, _ metadata: Metadata) -> String {
    let element = metadata.elements(of: metadata.dataSets[0].uid).sorted()[0]
    let units = metadata.organisationUnits.filter { $0.level == 5 && $0.closed == nil }.map(\.uid)
    return moments.enumerated().map { place, moment in
      let number = first + place
      let month = 1 + number / units.count % 12
      let period = "\(2010 + number / units.count / 12)\(month < 10 ? "0" : "")\(month)"
      let time = UTCTime(seconds: moment).iso8601.dropLast() + ".000+0000"
      return
        #"{"dataElement":"\#(element)","period":"\#(period)","orgUnit":"\#(units[number % units.count])","value":"\#(number)","lastUpdated":"\#(time)","deleted":\#(number % 7 == 0)}"#
    }.joined(separator: "\n") + "\n"
  }

  @Test(
    "fifty questions about random moments each: what changed since comes, and nothing else", arguments: places, versions
  )
  func questions(place: Place, version: StandInServer.ServerVersion) throws {
    let world = try World(version, values: 0) { options in
      options.timeZone = place.zone
      options.clockStart = Int64(place.seconds + 12 * 86_400) * 1000
    }
    var random = SeededGenerator(seed: UInt64(place.seconds) &+ UInt64(version.minor))
    let marks = (0..<50).map { number in
      place.seconds + Int.random(in: number % 2 == 0 ? -7200...7200 : -5 * 86_400...5 * 86_400, using: &random)
    }
    // Half of the changes are near a mark: seconds, or as far as an offset is wide.
    let moments = (0..<400).map { number in
      let near = [1, 60, 3600, 21_600][number / 2 % 4]
      return number % 2 == 0
        ? marks.randomElement(using: &random)! + Int.random(in: -near...near, using: &random)
        : place.seconds + Int.random(in: -8 * 86_400...8 * 86_400, using: &random)
    }
    let metadata = Country.metadata(units: World.units, seed: 1)
    try world.source.load(values: Self.lines(moments, metadata))
    world.shell.write("marks", marks.map { UTCTime(seconds: $0).iso8601 }.joined(separator: "\n") + "\n")
    let outcome = world.run(
      """
      while read -r mark; do
        d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --include-deleted --no-check \
          --last-updated $mark --quiet
        echo "status $?"
      done < marks
      """)
    // In Swift: more than a thousand times jq would take longer than all the rest.
    var answers: [[Int]] = [[]]
    for line in outcome.lines {
      guard line.hasPrefix("status ") else {
        let value = try JSONValue(parsing: line)["value"]?.string
        answers[answers.count - 1].append(try #require(value.flatMap { Int($0) }, "\(line)"))
        continue
      }
      #expect(line == "status 0", "\(outcome.errors)")
      answers.append([])
    }
    try #require(answers.count == marks.count + 1, "\(outcome.errors)")
    for (mark, came) in zip(marks, answers) {
      // Each of them once.
      let expected = moments.indices.filter { moments[$0] >= mark }
      #expect(came.sorted() == expected, "\(place), \(version): since \(UTCTime(seconds: mark).iso8601)")
    }
  }

  @Test(
    "windows of the ledger: each brings what changed in it, once; status --lag knows the newest change",
    arguments: places, versions)
  func windows(place: Place, version: StandInServer.ServerVersion) throws {
    let world = try World(slicesIn: .sqlite, version, values: 0, level: nil) { options in
      options.timeZone = place.zone
      options.clockStart = Int64(place.seconds - 3 * 3600) * 1000
    }
    var random = SeededGenerator(seed: UInt64(place.seconds) &+ UInt64(version.minor))
    let start = UTCTime(seconds: world.source.nowSeconds).iso8601
    world.run("d2-datasets mark --pair hmis --synced-through \(start) MONTH --quiet > /dev/null")
    var number = 0
    var newest = 0
    for window in 1...5 {
      // Between two windows: an hour and a half, with changes at any moment of it.
      let begin = world.source.nowSeconds
      let count = Int.random(in: 3...9, using: &random)
      let moments = (0..<count).map { _ in begin + Int.random(in: 200...5200, using: &random) }
      newest = max(newest, moments.max()!)
      try world.source.load(values: Self.lines(moments, from: number, world.metadata))
      number += count
      world.source.advanceClock(seconds: 5400)
      let outcome = world.run(
        """
        d2-slices status --pair hmis --lag --format json --quiet > lag || echo status $?
        d2-slices plan --pair hmis -i --overlap 60s --data-set MONTH --quiet > /dev/null || echo plan $?
        d2-slices run --pair hmis --quiet || echo run $?
        d2-slices list --pair hmis --format json > slices
        """)
      let comment: Comment = "\(place), \(version), window \(window): \(outcome.errors)"
      #expect(outcome.output == "", comment)
      let lag = try world.shell.documents(in: "lag").first {
        $0["name"] == "Monthly health report" && $0["kind"] == "values"
      }
      #expect(lag?["newestChange"]?.string == UTCTime(seconds: newest).iso8601, comment)
      #expect(lag?["isExact"]?.bool == true, comment)
      let done = try world.shell.documents(in: "slices").filter { $0["state"] == "done" }
      let last = done.max { $0["id"]?.int ?? 0 < $1["id"]?.int ?? 0 }
      #expect(last?["pulled"]?.int == count, comment)
    }
    let differences = world.differences(of: [0])
    #expect(differences.isEmpty, "\(place), \(version): \(differences)")
    let moved = try world.store.rows("SELECT sum(pulled), sum(pushed) FROM slices WHERE since <> ''")
    #expect(moved == ["\(number)|\(number)"], "\(place), \(version)")
  }

  @Test("times that a user types: local without an offset; durations; what was asked is said")
  func typed() throws {
    let world = try World(.v42, values: 0) { options in
      options.timeZone = "America/Bogota"
      options.clockStart = Int64(UTCTime("2024-06-15T20:00:00Z")!.seconds) * 1000
    }
    let moments = ["2024-06-15T10:59:59Z", "2024-06-15T11:00:00Z", "2024-06-15T18:30:00Z", "2024-06-10T05:00:00Z"]
    try world.source.load(
      values: Self.lines(moments.map { UTCTime($0)!.seconds }, Country.metadata(units: World.units, seed: 1)))
    let pull = "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --include-deleted"
    func values(_ options: String) -> String {
      world.run("\(pull) \(options) --quiet | jq -r .value | sort -n | tr '\\n' ' '").output
    }
    #expect(values("--last-updated 2024-06-15T06:00:00") == "1 2 ")
    #expect(values("--last-updated 2024-06-15T11:00:00Z") == "1 2 ")
    #expect(values("--last-updated 2024-06-15T06:00:00-0500") == "1 2 ")
    #expect(values("--last-updated 2024-06-10") == "0 1 2 3 ")
    #expect(values("--last-updated 20240611") == "0 1 2 " && values("--last-updated 2024-06") == "0 1 2 3 ")
    #expect(values("--last-updated-duration 2h") == "2 " && values("--last-updated-duration 10h") == "0 1 2 ")
    let said = world.run("\(pull) --last-updated 2024-06-15T06:00:00 > /dev/null").errors
    #expect(
      said.contains(
        "asking for changes since 2024-06-15T11:00:00Z (lastUpdated=2024-06-15T06:00:00.000+0000, America/Bogota)"),
      "\(said)")
    for options in ["--last-updated monday", "--last-updated-duration 7", "--last-updated-duration 2w"] {
      let refused = world.run("\(pull) \(options)")
      #expect(refused.status == 64 && refused.output == "", "\(options): \(refused.errors)")
    }
  }

  @Test("a day of 2.43: what is too old is left out and counted, and does not go for a short answer")
  func leftOut() throws {
    let world = try World(.v43, values: 0) { $0.clockStart = Int64(UTCTime("2024-06-15T20:00:00Z")!.seconds) * 1000 }
    let day = UTCTime("2024-06-15T00:00:00Z")!.seconds
    let moments = (0..<1001).map { day + $0 * 60 }
    try world.source.load(values: Self.lines(moments, Country.metadata(units: World.units, seed: 1)))
    let outcome = world.run(
      """
      for spool in "" --spool; do
        d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --include-deleted $spool --summary summary \
          --last-updated 2024-06-15T16:40:00Z | wc -l
        jq -c '[.values, .older, .withoutID]' summary
      done
      """)
    #expect(outcome.lines == ["1", "[1,1000,0]", "1", "[1,1000,0]"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("1 value, 1000 older left out, "), "\(outcome.errors)")
    #expect(!outcome.errors.contains("asking again"), "\(outcome.errors)")
  }

  @Test("a server that names a zone which nobody knows is asked by its clock; registrations of a day are not missed")
  func unknownName() throws {
    let world = try World(.v42, values: 0) { options in
      options.timeZone = "America/Bogota"
      options.shownTimeZone = "Mars/Olympus"
      options.clockStart = Int64(UTCTime("2024-06-15T20:00:00Z")!.seconds) * 1000
    }
    let moments = ["2024-06-15T10:59:59Z", "2024-06-15T11:00:00Z"].map { UTCTime($0)!.seconds }
    try world.source.load(values: Self.lines(moments, Country.metadata(units: World.units, seed: 1)))
    let outcome = world.run(
      "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --last-updated 2024-06-15T11:00:00Z | jq -r .value"
    )
    #expect(outcome.lines == ["1"], "\(outcome.errors)")
    #expect(outcome.errors.contains("lastUpdated=2024-06-15T05:00:00.000+0000"), "\(outcome.errors)")
  }
}
