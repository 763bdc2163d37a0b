import Testing
import WaitingTests

@testable import StandInServer

/// The stand-in answers like the real servers in `Tests/Recorded`.
@Suite(.waiting) struct ReplayTests {
  @Test(arguments: Recording.Script.allCases.flatMap { script in script.versions.map { (script, $0) } })
  func answersAsRecorded(_ script: Recording.Script, _ version: ServerVersion) throws {
    let (passed, notImitated, failures) = try Replay(version, script).run()
    let all = passed + notImitated + failures.count
    print(
      "ReplayTests: \(script.rawValue)\(version): \(passed) of \(all) exchanges answered as recorded, \(notImitated) not imitated in full"
    )
    for failure in failures { Issue.record(Comment(rawValue: failure)) }
    #expect(all == script.count)
  }
}
