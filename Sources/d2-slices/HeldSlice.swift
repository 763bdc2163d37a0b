import D2Common
import D2Ledger
import D2Store

/// Handles one slice manually, or for another engine: leases it, and records its outcome.
enum HeldSlice {
  private static let slice = SliceOption.option.described(
    "Use the slice that claim printed, instead of number and token.", value: "JSON")
  private static let token = Option(
    "--token", value: "TOKEN", help: "Prove the lease with the token that claim printed.")
  private static let lease = Option(
    "--lease", as: .duration, help: "Lease the slice for this time (default 10m); renew prolongs it.")
  private static let defaultLeaseSeconds = 600.0

  /// The number and token of a slice that a worker holds.
  private static func held(_ arguments: Arguments) throws(CommandFailure) -> (id: Int, token: String) {
    let slice = arguments[slice]
    if let word = arguments.operands.dropFirst(slice == nil ? 1 : 0).first {
      throw CommandFailure(
        .usage,
        "unexpected argument \(word.quoted): \(slice == nil ? "one slice at a time" : "--slice says which slice")")
    }
    if let text = slice {
      let slice = try Slice(task: text)
      guard let token = slice.token else {
        throw CommandFailure(.usage, "--slice has no token: give what claim printed")
      }
      return (slice.id, token)
    }
    guard let id = arguments.operands.first.flatMap({ Int($0) }), let token = arguments[token] else {
      throw CommandFailure(.usage, "say which slice: --slice JSON as claim printed it, or its number with --token")
    }
    return (id, token)
  }

  // MARK: Claim, renew

  private static let worker = Option(
    "--worker", value: "NAME", help: "Lease the slice to this worker (default: host and process).")

  static let claim = Verb(
    Slices.description(
      "claim", "lease the next slice to a worker, and print it",
      example: ("slice=$(d2-slices claim --pair hmis) && d2-pull --slice \"$slice\" | …", "move one slice by hand"),
      options: [lease, worker, Runner.order], incomplete: "no slice is waiting")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let ledger = Ledger(store)
    try ledger.hurry()
    guard
      let slice = try ledger.claim(
        pair, worker: arguments[worker] ?? Worker.name, token: Worker.newToken(),
        leaseSeconds: arguments[lease] ?? defaultLeaseSeconds, order: arguments[Runner.order] ?? .newest)
    else {
      log.info("no slice of \(pair.label) is waiting")
      return .incomplete
    }
    let output = LineOutput.standardOutput()
    try output.line(slice.task.text)
    try output.flush()
    return .success
  }

  private static func answered(_ isHeld: Bool, _ id: Int, _ log: Log) -> ExitStatus {
    if !isHeld { log.error("slice \(id): its lease is lost; another worker may have it") }
    return isHeld ? .success : .incomplete
  }

  static let renew = Verb(
    Slices.description(
      "renew", "prolong a lease",
      example: ("d2-slices renew --pair hmis --slice \"$slice\" --lease 20m", "keep the slice for twenty more minutes"),
      operands: "[ID]", options: [slice, token, lease], incomplete: "the lease is lost")
  ) { arguments, log in
    let (id, token) = try held(arguments)
    let (store, _) = try PairOptions.open(arguments, writes: true)
    return answered(
      try Ledger(store).renew(id, token: token, leaseSeconds: arguments[lease] ?? defaultLeaseSeconds), id, log)
  }

  // MARK: Done, fail

  private static let pullSummary = Option(
    "--pull-summary", value: "FILE", help: "Record the figures that d2-pull --summary wrote.")
  private static let pushSummary = Option(
    "--push-summary", value: "FILE", help: "Record the figures that d2-push --summary wrote.")
  private static let rejects = Option(
    "--rejects", value: "FILE", help: "Record that FILE holds the slice's refused values.")
  private static let acceptRejects = Flag(
    "--accept-rejects",
    help: "Mark the slice as done even if the summaries show refused values (default: mark it as refused).")

  private static func summary(_ option: Option<String?>, _ arguments: Arguments) throws(CommandFailure) -> JSONValue? {
    guard let path = arguments[option] else { return nil }
    guard let bytes = try? FileBytes.read(path, atMost: 16 << 20), let json = try? JSONValue(parsing: bytes) else {
      throw CommandFailure(.cannotRead, "\(option.name) \(path): cannot be read as JSON")
    }
    return json
  }

  static let done = Verb(
    Slices.description(
      "done", "record that a slice was pulled and pushed",
      example: (
        "d2-slices done --pair hmis --slice \"$slice\" --pull-summary pull.json --push-summary push.json",
        "record the figures of both commands too"
      ), operands: "[ID]",
      options: [slice, token, pullSummary, pushSummary, rejects, acceptRejects],
      incomplete:
        "values were refused, and the slice is marked so; or the lease is lost or a summary reports a failure, and nothing is recorded"
    )
  ) { arguments, log in
    let (id, token) = try held(arguments)
    let (pull, push) = try (summary(pullSummary, arguments), summary(pushSummary, arguments))
    let reason = Slice.refusal(pull: pull, push: push, needsPull: false)
    for (name, summary) in [("d2-pull", pull), ("d2-push", push)] where reason == nil {
      guard let status = summary?["status"]?.int, status != 0 else { continue }
      log.error("slice \(id): \(name) ended with status \(status): not done")
      return .incomplete
    }
    let refusal = arguments[acceptRejects] ? nil : reason
    let (store, _) = try PairOptions.open(arguments, writes: true)
    let isHeld = try Ledger(store).finish(
      id, token: token, status: push?["status"]?.int ?? 0, Slice.Counts(pull: pull, push: push),
      rejects: arguments[rejects], refusal: refusal)
    guard isHeld, let refusal else { return answered(isHeld, id, log) }
    log.error("slice \(id): marked as refused, not as done: \(refusal) (--accept-rejects marks it as done)")
    return .incomplete
  }

  private static let error = Option("--error", value: "TEXT", help: "Record this reason.")
  private static let status = Option("--status", as: .number(in: 0...255), help: "Record this exit status.")
  private static let attempts = Option(
    "--attempts", as: .number(in: 1...1000), help: "Park the slice after N attempts (default 5).")
  private static let retryAfter = Option(
    "--retry-after", as: .duration, help: "Wait this long before the next attempt (default: longer after each one).")

  static let fail = Verb(
    Slices.description(
      "fail", "record that an attempt failed; another one follows later",
      example: ("d2-slices fail --pair hmis --slice \"$slice\" --error 'no space left'", "record a reason"),
      operands: "[ID]",
      options: [slice, token, pullSummary, pushSummary, rejects, error, status, attempts, retryAfter],
      incomplete: "the lease is lost")
  ) { arguments, log in
    let (id, token) = try held(arguments)
    let status = arguments[status] ?? 1
    let (pull, push) = try (summary(pullSummary, arguments), summary(pushSummary, arguments))
    let counts = Slice.Counts(pull: pull, push: push)
    let rejects = arguments[rejects]
    let (store, _) = try PairOptions.open(arguments, writes: true)
    let ledger = Ledger(store)
    // If a pipeline ends with status 1 because values were refused, it did not fail. A retry would change nothing.
    if status == 1, let refusal = Slice.refusal(pull: pull, push: push) {
      log.info("slice \(id): its summaries say that values were refused: marked as refused, not as failed")
      let isHeld = try ledger.finish(id, token: token, status: 1, counts, rejects: rejects, refusal: refusal)
      return answered(isHeld, id, log)
    }
    let isHeld = try ledger.fail(
      id, token: token, status: status, error: arguments[error] ?? "ended with status \(status)",
      counts: true, pauseSeconds: arguments[retryAfter] ?? 30,
      mostAttempts: arguments[attempts] ?? Worker.defaultAttempts, counts, rejects: rejects)
    return answered(isHeld, id, log)
  }
}
