import D2Client
import D2Common

/// `POST /api/dataValueSets`.
struct ImportAPI {
  let server: Server
  let call: APICall
  let user: User
  let faults: [Fault]
  let cost: CostOfRequest

  private var request: Request { call.request }
  private var version: ServerVersion { server.version }
  /// Whether the answer is plain. Up to 2.41, an old version of the API answers as it did.
  private var isPlain: Bool {
    version.answersPlainSummaries || (version.minor <= 41 && (call.apiVersion ?? 99) <= 37)
  }

  func answer() -> Response {
    let type = request.header("content-type")?.split(separator: ";").first.map { $0.trimmingSpaces() } ?? ""
    guard type == "application/json" else {
      let words =
        version.minor <= 40 ? "Content type '\(type)' not supported" : "Content-Type '\(type)' is not supported"
      return ErrorPages.message(415, words)
    }
    guard user.has("F_DATAVALUE_ADD") else {
      return ErrorPages.message(
        403,
        version.minor <= 40 ? "Access is denied" : "Access is denied, requires one Authority from [F_DATAVALUE_ADD]")
    }
    var options: ImportOptions
    do { options = try ImportOptions(request) } catch { return ErrorPages.message(400, error.message) }
    let querySchemes = Set(options.schemes.map(\.parameter))
    let incoming: IncomingSet
    switch PostedBody(request.body, version, readsASCII: server.readsASCII).set() {
    case .failure(let problem): return damaged(problem, options)
    case .success(let set): incoming = set
    }
    options.take(header: incoming.header)
    server.statistics.imported(values: incoming.values.count)
    let shown = options.json(version, headerSchemes: Set(options.schemes.map(\.parameter)).subtracting(querySchemes))
    let poisoned = poison(incoming)
    if let failure = poisoned.failure { return failure }
    let run = ImportRun(
      set: incoming, options: options, user: user, now: server.clock.now, poison: poisoned.texts,
      limit: faults.first { $0.kind == .partialImport }.map { $0.int("values") ?? incoming.values.count / 2 })
    return options.has("async") ? schedule(run, shown) : importNow(run, shown)
  }

  // MARK: - Running

  private func importNow(_ run: ImportRun, _ shown: JSONValue) -> Response {
    cost.add(server.importSeconds(values: run.set.values.count, preheats: request.flag("preheatCache")) ?? 0)
    var summary = server.importValues(run)
    summary.options = shown
    if let fault = faults.first(where: { $0.kind == .partialImport }) {
      return ErrorPages.message(fault.int("status") ?? 500, "An error occurred, please check the server log")
    }
    return summary.response(version, plain: isPlain, type: version.jsonType)
  }

  private func schedule(_ run: ImportRun, _ shown: JSONValue) -> Response {
    let id = server.authentication.newUid()
    let now = server.clock.now
    let name = version.minor <= 40 ? "dataValueImport" : "DATAVALUE_IMPORT (\(now))"
    var job = ImportJob(id: id, run: run, options: shown)
    job.waitsSeconds = faults.first { $0.kind == .jobWaits }.map { $0.number("seconds") ?? 1 } ?? 0
    job.hangs = faults.contains { $0.kind == .jobHangs }
    server.start(job)
    var members: [JSONValue.Member] = [
      .init("name", .string(name)), .init("id", .string(id)), .init("created", .string(Stamp.local(now))),
      .init("jobType", "DATAVALUE_IMPORT"), .init("jobStatus", version.minor <= 40 ? "SCHEDULED" : "NOT_STARTED"),
    ]
    if version.minor > 40 { members.append(.init("jobParameters", shown)) }
    members.append(.init("relativeNotifierEndpoint", .string("/api/system/tasks/DATAVALUE_IMPORT/" + id)))
    if version.minor > 40 { members.append(.init("responseType", "JobConfiguration")) }
    var response = Response.json(
      200,
      [
        "httpStatus": "OK", "httpStatusCode": 200, "status": "OK", "message": .string("Initiated " + name),
        "response": .object(members),
      ], type: version.jsonType)
    response.headers.append(("Location", call.base + "/api/system/tasks/DATAVALUE_IMPORT"))
    return response
  }

  // MARK: - Faults

  /// The poison for this request: texts that the database refuses, or an answer that replaces the import.
  private func poison(_ incoming: IncomingSet) -> (texts: [String], failure: Response?) {
    let found = server.faults.take(for: request) { fault in
      guard fault.kind == .poison, let text = fault.text("text") else { return false }
      return incoming.values.contains { $0.value?.contains(text) ?? false }
    }
    if found.contains(where: { $0.text("variant") != "recorded" }) {
      return ([], ErrorPages.message(500, "could not execute statement"))
    }
    return (found.compactMap { $0.text("text") }, nil)
  }

  /// The answer to a body that is not a document.
  private func damaged(_ problem: PostedBody.Problem, _ options: ImportOptions) -> Response {
    if version.hasDataEntryPipeline { return ErrorPages.message(problem.status, problem.message) }
    var summary = ImportSummary()
    summary.status = .error
    summary.description =
      "The import process failed: " + (version.minor >= 42 ? "Post-condition was null" : problem.message)
    summary.options = options.json(version, headerSchemes: [])
    return summary.response(version, plain: isPlain, type: version.jsonType)
  }
}

extension Substring {
  func trimmingSpaces() -> String {
    var text = self
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
