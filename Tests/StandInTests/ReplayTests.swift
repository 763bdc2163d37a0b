import Testing

@testable import StandInServer

/// The stand-in answers as the real servers did.
///
/// The recordings are not in the repository: `D2_RECORDED` names the folder that has them.
@Suite struct ReplayTests {
  @Test(
    .enabled(if: Recording.folder != nil, "D2_RECORDED does not name a folder of recordings"),
    arguments: [ServerVersion.v40, .v42, .v43])
  func answersAsRecorded(_ version: ServerVersion) throws {
    let (passed, notImitated, failures) = try Replay(version).run()
    let all = passed + notImitated + failures.count
    print(
      "ReplayTests: \(version): \(passed) of \(all) exchanges answered as recorded, \(notImitated) not imitated in full"
    )
    for failure in failures { Issue.record(Comment(rawValue: failure)) }
    #expect(all > 300)
  }
}
