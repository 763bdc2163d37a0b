// A build without tests also builds this target, but has no module Testing.
#if canImport(Testing)
  import D2Common
  import Glibc
  import Testing

  /// Runs each test of a suite on a thread where it may wait: for processes, databases or servers.
  ///
  /// Swift's own pool has one thread for each core. Tests that wait on those leave the cores idle.
  package struct Waiting: TestTrait, SuiteTrait, TestScoping {
    /// How many tests run at once. While some wait, others keep the cores busy.
    private static let threads = BlockingExecutor(threads: 4 * sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    package let isRecursive = true

    package func provideScope(
      for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
      guard testCase != nil else { return try await function() }
      try await withTaskExecutorPreference(Self.threads) {
        let begin = SuspendingClock.now
        defer { TestTimes.note(test, SuspendingClock.now - begin) }
        try await function()
      }
    }
  }

  extension Trait where Self == Waiting {
    /// For tests that wait: each runs on a thread of its own, where it delays no other test.
    package static var waiting: Waiting { Waiting() }
  }

  /// Measures how long tests ran. The file that `D2_TEST_TIMES` names gets a line for each test case, with seconds,
  /// place and name.
  ///
  /// The times from the test runner include the wait for a thread.
  private enum TestTimes {
    private static let file = processEnvironment()["D2_TEST_TIMES"].map {
      open($0, O_WRONLY | O_APPEND | O_CREAT, 0o644)
    }

    static func note(_ test: Test, _ duration: Duration) {
      guard let file else { return }
      let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
      let place = "\(test.sourceLocation.fileID):\(test.sourceLocation.line)"
      let line = Array("\(seconds)\t\(place)\t\(test.displayName ?? test.name)\n".utf8)
      // In one write, so that the lines of two tests do not mix.
      _ = write(file, line, line.count)
    }
  }
#endif
