import Testing

@testable import StandInServer

/// The stand-in answers as the real servers did.
///
/// The recordings are not in the repository: `D2_RECORDED` names the folder that has them.
@Suite struct ReplayTests {
  @Test(
    .enabled(if: Recording.folder != nil, "D2_RECORDED does not name a folder of recordings"),
    arguments: Recording.Script.allCases.flatMap { script in script.versions.map { (script, $0) } })
  func answersAsRecorded(_ script: Recording.Script, _ version: ServerVersion) throws {
    let (passed, notImitated, failures) = try Replay(version, script).run()
    let all = passed + notImitated + failures.count
    print(
      "ReplayTests: \(script.rawValue)\(version): \(passed) of \(all) exchanges answered as recorded, \(notImitated) not imitated in full"
    )
    for failure in failures { Issue.record(Comment(rawValue: failure)) }
    #expect(all > script.least)
  }
}
