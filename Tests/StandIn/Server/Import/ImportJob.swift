import D2Client
import D2Common

/// An asynchronous import.
struct ImportJob: Sendable {
  let id: String
  let run: ImportRun
  let options: JSONValue
  var summary: ImportSummary?
  var finished: Int64 = 0

  init(id: String, run: ImportRun, options: JSONValue) {
    self.id = id
    self.run = run
    self.options = options
  }
}

extension Server {
  func importValues(_ run: ImportRun) -> ImportSummary {
    let importer: any ValueImport =
      version.hasDataEntryPipeline
      ? DataEntryImport(metadata: metadata, version: version) : DataValueSetImport(metadata: metadata, version: version)
    return state.withLock { importer.run(run, into: &$0.values, registrations: &$0.registrations) }
  }

  /// Runs a job, now or at the scheduler's turn.
  func start(_ job: ImportJob, after seconds: Double) {
    state.withLock { $0.jobs[job.id] = job }
    guard seconds > 0 else { return finish(job) }
    Thread.start {
      Clock.sleep(seconds: seconds)
      self.finish(job)
    }
  }

  private func finish(_ job: ImportJob) {
    var done = job
    var summary = importValues(job.run)
    summary.options = job.options
    done.summary = summary
    done.finished = clock.now
    let result = done
    state.withLock { $0.jobs[job.id] = result }
  }
}
