import D2Client
import D2Common

/// A piece of a backlog or of an increment: one data set, some time, some organisation units. One pull and one push
/// move it.
package struct Slice: Sendable, Equatable {
  package enum State: String, Sendable, CaseIterable {
    /// No worker has it.
    case waiting
    /// A worker holds its lease.
    case leased
    /// It failed, and is waiting for its retry.
    case retry
    /// Pulled and pushed without error.
    case done
    /// Pulled and pushed, but the destination refused some values: done with refusals. A retry would change nothing, so
    /// it waits for a `reset`.
    case refused
    /// It failed too often, and is parked until a `reset`.
    case failed
  }

  package var id = 0
  /// The pair's number.
  package var pair = 0
  package var kind = DataKind.dataValues
  /// Its uid. For sums, the options of d2-pull for them (`analytics`).
  package var dataSet = ""
  /// `202401`; or `20240101..20240131` for all periods of one type from the first to the last; or empty for all time. A
  /// task with several slices has theirs, separated by commas.
  package var periods = ""
  /// Only changes since this time: `2024-01-31T06:00:00Z`; empty for everything.
  package var since = ""
  package var orgUnits: [String] = []
  package var children = true
  package var includesDeleted = false
  /// How much of what only the destination has may be deleted; `nil` if nothing is deleted.
  package var replaces: Quota?
  package var state = State.waiting
  package var isVerified = false
  package var worker: String?
  /// Proves to the ledger that a worker still holds the lease.
  package var token: String?
  /// How often workers claimed it since it was planned or reset, without the claims that were given back.
  package var attempts = 0
  /// Attempts that failed and count. Attempts whose worker died do not.
  package var failures = 0
  package var startedAt: Int?
  package var finishedAt: Int?
  package var lastStatus: Int?
  package var lastError: String?
  package var counts = Counts()
  /// The path of its rejects.
  package var rejects: String?

  /// What an attempt read, and the outcome; `nil` if unknown.
  package struct Counts: Sendable, Equatable {
    package var pulled: Int?
    package var pushed: Int?
    package var imported: Int?
    package var updated: Int?
    package var ignored: Int?
    package var deleted: Int?
    /// Deleted because only the destination had them.
    package var removed: Int?
    package var refused: Int?
    package var notSent: Int?
    package var queued: Int?
    package var wireBytes: Int?
    /// Why values were refused: the JSON summary of d2-push.
    package var reasons: String?

    package init() {}

    /// Reads the summaries of d2-pull and d2-push.
    package init(pull: JSONValue?, push: JSONValue?) {
      for (name, _, path) in Self.numbers { self[keyPath: path] = push?[name]?.int }
      (pulled, pushed, wireBytes) = (pull?["values"]?.int, push?["read"]?.int, pull?["wireBytes"]?.int)
      // Values that the destination accepts but does not keep change nothing there either.
      ignored = ignored.map { $0 + (push?["notKept"]?.int ?? 0) }
      if let list = push?["reasons"]?.array, !list.isEmpty { reasons = JSONValue.array(list).text }
    }

    /// Each number with its name in JSON and its column in the ledger.
    package static let numbers: [(name: String, column: String, path: WritableKeyPath<Counts, Int?> & Sendable)] = [
      ("pulled", "pulled", \.pulled), ("pushed", "pushed", \.pushed), ("imported", "imported", \.imported),
      ("updated", "updated", \.updated), ("ignored", "ignored", \.ignored), ("deleted", "deleted", \.deleted),
      ("removed", "removed", \.removed),
      ("refused", "refused", \.refused), ("notSent", "not_sent", \.notSent), ("queued", "queued", \.queued),
      ("wireBytes", "wire_bytes", \.wireBytes),
    ]
  }

  package init() {}
}

// MARK: JSON

extension Slice {
  /// The data for a worker and its commands: the value of `$D2_SLICE`, which `d2-pull --slice` reads.
  package var task: JSONValue {
    var members: [JSONValue.Member] = [
      .init("id", .int(id)), .init("pair", .string(String(pair))), .init("kind", .string(kind.rawValue)),
      .init("dataSet", .string(dataSet)), .init("periods", .string(periods)),
    ]
    if !since.isEmpty { members.append(.init("since", .string(since))) }
    members += [
      .init("orgUnits", .array(orgUnits.map { .string($0) })), .init("children", .bool(children)),
      .init("includeDeleted", .bool(includesDeleted)), .init("attempt", .int(attempts)),
    ]
    if let replaces { members.append(.init("replace", .string(replaces.description))) }
    if let token { members.append(.init("token", .string(token))) }
    return .object(members)
  }

  /// All data, for `list`.
  package var json: JSONValue {
    func time(_ milliseconds: Int?) -> JSONValue {
      .string(orNull: milliseconds.map { UTCTime(seconds: $0 / 1000).iso8601 })
    }
    var members = task.members!.filter { $0.key != "token" }
    members += [
      .init("state", .string(isVerified && state == .done ? "verified" : state.rawValue)),
      .init("worker", .string(orNull: worker)), .init("started", time(startedAt)), .init("finished", time(finishedAt)),
      .init("lastStatus", .int(orNull: lastStatus)), .init("lastError", .string(orNull: lastError)),
    ]
    for (name, _, path) in Counts.numbers {
      if let count = counts[keyPath: path] { members.append(.init(name, .int(count))) }
    }
    if let reasons = counts.reasons, let list = try? JSONValue(parsing: Array(reasons.utf8)) {
      members.append(.init("reasons", list))
    }
    if let rejects { members.append(.init("rejects", .string(rejects))) }
    return .object(members)
  }

  /// Parses a task.
  ///
  /// - Throws: `CommandFailure`, 64 if the text is not a task.
  package init(task text: String) throws(CommandFailure) {
    guard let json = try? JSONValue(parsing: Array(text.utf8)),
      let pair = json["pair"]?.scalarText.flatMap({ Int($0) }),
      let dataSet = json["dataSet"]?.string, let units = json["orgUnits"]?.array?.compactMap(\.string), !units.isEmpty
    else {
      throw CommandFailure(.usage, "--slice: not a slice as d2-slices claim prints it: \(text.prefix(80).quoted)")
    }
    id = json["id"]?.int ?? 0
    self.pair = pair
    kind = DataKind(stored: json["kind"]?.string)
    self.dataSet = dataSet
    periods = json["periods"]?.string ?? ""
    since = json["since"]?.string ?? ""
    orgUnits = units
    children = json["children"]?.bool ?? true
    includesDeleted = json["includeDeleted"]?.bool ?? false
    if let text = json["replace"]?.string {
      guard let quota = Quota(text) else {
        throw CommandFailure(.usage, "--slice: \"replace\" is \(text.quoted), not a number or a share such as 1%")
      }
      replaces = quota
    }
    attempts = json["attempt"]?.int ?? 0
    token = json["token"]?.string
  }

  /// The ids of its periods; empty for all time.
  ///
  /// - Throws: `CommandFailure`, 64 for a malformed range.
  package func periodIDs() throws(CommandFailure) -> [String] {
    var ids: [String] = []
    for part in periods.split(separator: ",") { ids += try Self.periodIDs(part) }
    return ids
  }

  private static func periodIDs(_ part: Substring) throws(CommandFailure) -> [String] {
    guard let dots = part.firstRange(of: "..") else { return [String(part)] }
    guard let first = Period(id: part[..<dots.lowerBound]), let last = Period(id: part[dots.upperBound...]),
      first.type == last.type, first.start <= last.start
    else { throw CommandFailure(.usage, "--slice: \(part.quoted) is not a range of periods") }
    return first.type.periods(overlapping: first.start...last.start).map(\.id)
  }

  /// The options of d2-pull for its sums; `nil` for a data set's values.
  package var analytics: [String]? {
    dataSet.hasPrefix("--") ? dataSet.split(separator: " ").map(String.init) : nil
  }

  /// Whether it is a task with several slices.
  package var isJoined: Bool { periods.utf8.contains(UInt8(ascii: ",")) }
}
