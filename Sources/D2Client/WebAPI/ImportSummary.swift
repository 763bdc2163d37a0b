import D2Common

/// The server's summary of an import, in the form of any version from 2.24 on, wrapped (`response`) or bare.
package struct ImportSummary: Sendable, Equatable {
  /// A reason why the server did not accept something.
  package struct Conflict: Sendable, Equatable {
    /// The first of the ids that it is about, or the value's text; `nil` from 2.43 on.
    package var object: String?
    /// The objects that it is about, by kind: `{"dataElement": "x"}`.
    package var objects: [String: String] = [:]
    /// The message.
    package var message: String
    /// DHIS2's error code; `nil` up to 2.36.
    package var code: String?
    /// Positions in the posted list; `[-1]` for the whole request, empty if the server does not say.
    package var indexes: [Int] = []

    package init(message: String) { self.message = message }

    /// Reads a conflict of any version.
    init(_ json: JSONValue) {
      object = json["object"]?.scalarText
      for member in json["objects"]?.members ?? [] { objects[member.key] = member.value.scalarText }
      message = json["value"]?.scalarText ?? ""
      code = json["errorCode"]?.string
      indexes = (json["indexes"]?.array ?? []).compactMap(\.int)
    }
  }

  /// `SUCCESS`, `OK`, `WARNING` or `ERROR`. Do not rely on it alone.
  package var status: String
  package var description: String?
  package var imported = 0
  package var updated = 0
  package var ignored = 0
  package var deleted = 0
  /// Whether the summary has any counts.
  package var hasCounts = false
  package var conflicts: [Conflict] = []
  package var rejectedIndexes: [Int] = []

  /// How many values the server accepted.
  package var accepted: Int { imported + updated + deleted }
  package var isError: Bool { status == "ERROR" }

  /// Finds the summary in an answer; `nil` if it has no summary.
  package init?(_ document: JSONValue) {
    guard let summary = [document["response"], document].compactMap({ $0 }).first(where: Self.isSummary) else {
      return nil
    }
    let summaries = [summary] + (summary["importSummaries"]?.array ?? [])
    status = summary["status"]?.string ?? document["status"]?.string ?? ""
    description = summaries.lazy.compactMap { $0["description"]?.string }.first
    for counts in [summary["importCount"], summary["import_count"], summary] {
      guard let counts, counts["imported"]?.int != nil || counts["ignored"]?.int != nil else { continue }
      imported = Self.count(counts["imported"])
      updated = Self.count(counts["updated"])
      ignored = Self.count(counts["ignored"])
      deleted = Self.count(counts["deleted"])
      hasCounts = true
      break
    }
    conflicts = summaries.flatMap { $0["conflicts"]?.array ?? [] }.map(Conflict.init)
    rejectedIndexes = (summary["rejectedIndexes"]?.array ?? []).compactMap(\.int)
  }

  /// Reads a count. It is clamped, because an impossible count must not cause an overflow.
  private static func count(_ json: JSONValue?) -> Int { min(max(json?.int ?? 0, 0), 1 << 31) }

  private static func isSummary(_ object: JSONValue) -> Bool {
    ["importCount", "import_count", "conflicts", "importSummaries"].contains { object[$0] != nil }
      || ["ImportSummary", "ImportSummaries"].contains(object["responseType"]?.string)
  }
}
