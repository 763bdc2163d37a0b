import D2Common

/// `/api/system/…`.
struct SystemAPI {
  let server: Server
  let call: APICall
  let user: User

  private var version: ServerVersion { server.version }

  func answer() -> Response? {
    let path = call.resource.dropFirst()
    switch path.first {
    case "info": return .json(200, FieldFilter(call.request.first("fields") ?? "*").apply(info), type: version.jsonType)
    case "ping": return .text(200, "pong", type: version.jsonType)
    case "tasks" where path.count == 3: return .json(200, .array(tasks(path.last!)), type: version.jsonType)
    case "taskSummaries" where path.count == 3: return summary(path.last!)
    default: return nil
    }
  }

  // MARK: - Information

  private static let never = "1970-01-01T00:00:00.000"

  private var info: JSONValue {
    let now = server.clock.now
    let isNew = version.minor >= 41
    var info: [JSONValue.Member] = [
      .init("contextPath", .string(call.base)), .init("userAgent", .string(call.request.header("user-agent") ?? "")),
      .init("calendar", .string(server.calendar)), .init("dateFormat", "yyyy-mm-dd"),
      .init("serverDate", .string(Stamp.local(server.localTime.local(now)))),
      .init("serverTimeZoneId", .string(server.shownTimeZone)),
    ]
    if version.minor >= 43 { info.append(.init("sessionTimeout", 3600)) }
    info.append(
      .init(
        "serverTimeZoneDisplayName",
        .string(server.localTime.name == LocalTime.utc.name ? "Coordinated Universal Time" : server.localTime.name)))
    info += analytics(now)
    if version.minor >= 43 { info.append(.init("capability", ["analyticsTotalCounts": false])) }
    info += [
      .init("version", .string(version.name)), .init("revision", "0000000"),
      .init("buildTime", "2026-01-01T00:00:00.000"),
    ]
    if !isNew { info += internals }
    info.append(.init("databaseInfo", databaseInfo(now)))
    if isNew { info += internals }
    if user.isSuperuser { info += machine }
    info += [
      .init("encryption", false), .init("emailConfigured", false), .init("redisEnabled", false),
      .init("systemId", "00000000-0000-4000-8000-000000000000"), .init("systemName", "DHIS 2"),
    ]
    if isNew { info.append(.init("systemMetadataVersion", "")) }
    if user.isSuperuser { info.append(.init("clusterHostname", "")) }
    info.append(.init("isMetadataVersionEnabled", false))
    if isNew { info.append(.init("lastMetadataVersionSyncAttempt", .string(SystemAPI.never))) }
    return .object(info)
  }

  /// Up to 2.40 the answer does not mention tables that never existed.
  private func analytics(_ now: Int64) -> [JSONValue.Member] {
    let time = server.state.withLock { $0.analytics?.time }
    func interval(_ time: Int64) -> String {
      let since = now - time
      return "\(since / 3_600_000) h, \(since / 60_000 % 60) m, \(since / 1000 % 60) s"
    }
    let success = time.map { Stamp.local(server.localTime.local($0)) } ?? SystemAPI.never
    let known: [JSONValue.Member] = [
      .init("lastAnalyticsTableSuccess", .string(success)),
      .init("intervalSinceLastAnalyticsTableSuccess", .string(interval(time ?? 0))),
      .init("lastAnalyticsTableRuntime", time == nil ? "" : "00:00:01.000"),
    ]
    if version.minor <= 40 { return time == nil ? [] : known }
    return known + [
      .init("lastSystemMonitoringSuccess", .string(SystemAPI.never)),
      .init("lastAnalyticsTablePartitionSuccess", .string(SystemAPI.never)),
      .init("intervalSinceLastAnalyticsTablePartitionSuccess", .string(interval(0))),
      .init("lastAnalyticsTablePartitionRuntime", ""),
    ]
  }

  private func databaseInfo(_ now: Int64) -> JSONValue {
    var info: [JSONValue.Member] = []
    if user.isSuperuser {
      info += [
        .init("name", "dhis2"), .init("user", "dhis"), .init("url", "jdbc:postgresql://127.0.0.1/dhis2"),
        .init("databaseVersion", "PostgreSQL 15"),
      ]
    }
    info.append(.init("spatialSupport", true))
    if version.minor >= 41 { info.append(.init("time", .string(Stamp.local(server.localTime.local(now))))) }
    return .object(info)
  }

  /// Only superusers get information about the server's software.
  private var internals: [JSONValue.Member] {
    guard user.isSuperuser else { return [] }
    return [
      .init("jasperReportsVersion", "6.20.0"), .init("environmentVariable", "DHIS2_HOME"),
      .init("fileStoreProvider", "filesystem"), .init("readOnlyMode", "off"), .init("nodeId", ""),
      .init("javaVersion", "17"), .init("javaVendor", "stand-in"), .init("osName", "Linux"),
      .init("osArchitecture", "amd64"), .init("osVersion", "6"), .init("externalDirectory", "/opt/dhis2"),
    ]
  }

  private var machine: [JSONValue.Member] {
    [
      .init("readReplicaCount", 0),
      .init("memoryInfo", "Mem Total in JVM: 0 Free in JVM: 0 Max Limit: 0"),
      .init("cpuCores", .int(server.cores)),
    ]
  }

  // MARK: - Jobs

  private func job(_ id: String) -> ImportJob? { server.state.withLock { $0.jobs[id] } }

  private func summary(_ id: String) -> Response {
    guard let summary = job(id)?.summary else { return Response(status: 200) }
    return .json(200, summary.json(version), type: version.jsonType)
  }

  /// The notes of a job, the newest first; empty before it has begun. A job that runs has only its first note.
  private func tasks(_ id: String) -> [JSONValue] {
    guard let job = job(id), let begun = job.begun else { return [] }
    let isDone = job.summary != nil
    var texts = self.texts(of: job, job.summary ?? ImportSummary())
    if !isDone { texts.removeFirst(texts.count - 1) }
    return texts.enumerated().map { position, text in
      let uid = server.authentication.newUid()
      var note: [JSONValue.Member] = [
        .init("uid", .string(uid)), .init("level", "INFO"), .init("category", "DATAVALUE_IMPORT"),
        .init("time", .string(Stamp.local(isDone ? job.finished : begun))), .init("message", .string(text)),
        .init("completed", .bool(isDone && position == 0)), .init("id", .string(uid)),
      ]
      if version.hasDataEntryPipeline, position == texts.count - 1 {
        note += [.init("dataType", "PARAMETERS"), .init("data", parameters(job.options))]
      }
      return .object(note)
    }
  }

  private func texts(of job: ImportJob, _ summary: ImportSummary) -> [String] {
    if version.hasDataEntryPipeline {
      let counts =
        "\(summary.imported) created, \(summary.updated) updated, \(summary.deleted) deleted, \(summary.ignored) ignored"
      let values = job.run.set.values.count
      return [
        "Import complete with status \(summary.status.rawValue), \(counts)",
        "Upserting group ds=\(detectedSet(job) ?? "?") (\(summary.updated) values)",
        "Validating group ds=? (\(values) values)", "Decoding group ds=? [de= ou= pe= aoc=](\(values) values)",
        "Deserializing JSON data", "Loading file content", "Loading file resource", "Data value set import",
      ]
    }
    return ["Import done", "Importing data values", "Process started"]
  }

  /// The first note repeats the options, including those that were not set.
  private func parameters(_ options: JSONValue) -> JSONValue {
    var members: [JSONValue.Member] = []
    for member in options.members ?? [] {
      members.append(member)
      if member.key == "dryRun" { members.append(.init("preheatCache", nil)) }
      if member.key == "firstRowIsHeader" { members += [.init("filename", nil), .init("notificationLevel", nil)] }
    }
    return .object(members + [.init("dataSet", nil)])
  }

  private func detectedSet(_ job: ImportJob) -> String? {
    if let named = job.run.set.text("dataSet") { return named }
    let metadata = server.metadata
    return job.run.set.values.first?.dataElement.flatMap { metadata.dataElementByUid[$0] }
      .flatMap { metadata.dataSetsOfElement[$0].first }.map { metadata.dataSets[$0].uid }
  }
}
