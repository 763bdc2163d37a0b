import Testing

@testable import d2_push

@Suite("JobWatch")
struct JobWatchTests {
  private func watch() -> JobWatch { JobWatch(patienceSeconds: 600, now: 1000) }

  @Test("a job may wait much longer than a job that has begun may be silent", arguments: ["SCHEDULED", "NOT_STARTED"])
  func waiting(status: String) {
    var watch = watch()
    func look(_ seconds: Double) -> JobWatch.Finding {
      watch.look(notes: 0, isCompleted: false, status: status, now: 1000 + seconds)
    }
    #expect(look(20) == .running)
    #expect(look(31) == .waiting)
    #expect(look(21_599) == .waiting)
    #expect(look(21_600) == .neverBegan(21_600))
  }

  @Test("the patience begins when the job begins, and again with each note")
  func silence() {
    var watch = watch()
    func look(_ notes: Int, _ status: String?, _ seconds: Double) -> JobWatch.Finding {
      watch.look(notes: notes, isCompleted: false, status: status, now: 1000 + seconds)
    }
    #expect(look(0, "SCHEDULED", 5000) == .waiting)
    #expect(look(0, "RUNNING", 5590) == .running)
    #expect(look(0, "RUNNING", 6189) == .running)
    #expect(look(2, nil, 6190) == .running)
    #expect(look(2, nil, 6789) == .running)
    #expect(look(2, nil, 6790) == .silent(600))
  }

  @Test("without a status, as up to 2.40, the patience begins at once")
  func unknownStatus() {
    var watch = watch()
    let findings = [1599.0, 1600].map { watch.look(notes: 0, isCompleted: false, status: nil, now: $0) }
    #expect(findings == [.running, .silent(600)])
  }

  @Test(
    "after the end it waits some looks for the summary", arguments: [(1, nil), (0, "DISABLED")] as [(Int, String?)])
  func end(notes: Int, status: String?) {
    var watch = watch()
    let looks = (1...5).map { look in
      watch.look(notes: notes, isCompleted: notes > 0, status: status, now: 1000 + Double(look))
    }
    #expect(looks == [.running, .running, .running, .running, .over])
  }
}
