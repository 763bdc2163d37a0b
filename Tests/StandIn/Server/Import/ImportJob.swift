import D2Client
import D2Common

/// An asynchronous import.
struct ImportJob: Sendable {
  let id: String
  let run: ImportRun
  let options: JSONValue
  /// How long another import keeps it waiting.
  var waitsSeconds = 0.0
  /// Whether it never ends.
  var hangs = false
  /// When it began; `nil` before.
  var begun: Int64?
  var summary: ImportSummary?
  var finished: Int64 = 0

  /// The status of its job configuration. A job that runs only once is disabled at its end.
  var status: String {
    if summary != nil { return "DISABLED" }
    return begun == nil ? "SCHEDULED" : "RUNNING"
  }

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

  /// Runs a job: up to 2.40 at once; later when the scheduler starts it, and one job after the other.
  func start(_ job: ImportJob) {
    guard version.schedulesAsyncImports else { return perform(job) }
    let isNext = state.withLock { state in
      state.jobs[job.id] = job
      state.jobLine.append(job.id)
      return state.jobLine.count == 1
    }
    if isNext { performInTurn(job) }
  }

  /// Performs the first job of the line, and then the others. A job that never ends keeps them waiting for ever.
  private func performInTurn(_ job: ImportJob) {
    Thread.start {
      Clock.sleep(seconds: self.asyncDelaySeconds + job.waitsSeconds)
      self.perform(job)
      guard !job.hangs else { return }
      let next = self.state.withLock { state in
        state.jobLine.removeFirst()
        return state.jobLine.first.flatMap { state.jobs[$0] }
      }
      if let next { self.performInTurn(next) }
    }
  }

  private func perform(_ job: ImportJob) {
    var done = job
    done.begun = clock.now
    let begun = done
    state.withLock { $0.jobs[job.id] = begun }
    guard !job.hangs else { return }
    var summary = importValues(job.run)
    summary.options = job.options
    done.summary = summary
    done.finished = clock.now
    let result = done
    state.withLock { $0.jobs[job.id] = result }
  }
}
