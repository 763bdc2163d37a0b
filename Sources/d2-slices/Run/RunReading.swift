import D2Common
import D2Store

/// Divides the summaries of a pipeline among the slices that it moved. d2-push counts by period, and each period
/// belongs to one slice.
struct RunReading {
  /// The summaries that the commands would have written for one slice.
  struct Summaries {
    var pull: JSONValue?
    var push: JSONValue?
  }

  /// The summaries, in the order of the slices.
  let summaries: [Summaries]

  private static let counts = [
    "read", "imported", "updated", "deleted", "ignored", "refused", "notSent", "notKept", "queued", "removed",
    "staleRefused",
  ]

  /// - Parameter slices: the slices of the pipeline. If there is only one, it gets the summaries as they are.
  /// - Returns: `nil` if it is unclear which slice the figures belong to.
  init?(of slices: [Slice], pull: JSONValue?, push: JSONValue?) {
    guard slices.count > 1 else {
      summaries = [Summaries(pull: pull, push: push)]
      return
    }
    guard let pull, let push, let periods = push["byPeriod"]?.array,
      let pulled = pull["values"]?.int, pulled == push["read"]?.int,
      let places = Self.places(of: slices)
    else { return nil }
    var parts = [[JSONValue]](repeating: [], count: slices.count)
    for counts in periods {
      guard let id = counts["period"]?.string, let place = places[id] else { return nil }
      parts[place].append(counts)
    }
    let wireBytes = pull["wireBytes"]?.int
    var (bytesBefore, valuesBefore) = (0, 0)
    summaries = parts.map { part in
      let push = Self.sum(of: part)
      let read = push["read"]?.int ?? 0
      // In proportion to their values, so that the parts add up to the total.
      valuesBefore += read
      let bytes = wireBytes.map { pulled > 0 ? Int(Double($0) * Double(valuesBefore) / Double(pulled)) : 0 }
      defer { bytesBefore = bytes ?? 0 }
      return Summaries(
        pull: ["status": 0, "values": .int(read), "wireBytes": .int(orNull: bytes.map { $0 - bytesBefore })],
        push: push)
    }
  }

  /// The index of the slice for each period; `nil` if a period belongs to two slices.
  static func places(of slices: [Slice]) -> [String: Int]? {
    var places: [String: Int] = [:]
    for (place, slice) in slices.enumerated() {
      guard let ids = try? slice.periodIDs() else { return nil }
      for id in ids where places.updateValue(place, forKey: id) != nil { return nil }
    }
    return places
  }

  private static func sum(of part: [JSONValue]) -> JSONValue {
    var members = counts.map { name in
      JSONValue.Member(name, .int(part.reduce(0) { $0 + ($1[name]?.int ?? 0) }))
    }
    var reasons = ReasonCounts()
    for reason in part.flatMap({ $0["reasons"]?.array ?? [] }) {
      reasons.add(reason["reason"]?.string ?? "", times: reason["count"]?.int ?? 0)
    }
    let refused = part.reduce(0) { $0 + ($1["refused"]?.int ?? 0) + ($1["staleRefused"]?.int ?? 0) }
    members += [
      .init("status", .int(refused > 0 ? 1 : 0)), .init("isWhole", true), .init("reasons", reasons.json()),
    ]
    return .object(members)
  }
}
