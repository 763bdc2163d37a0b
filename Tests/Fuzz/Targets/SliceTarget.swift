import D2Common
import D2Store

extension FuzzTarget {
  /// A slice that was parsed from a task gives the same task. Its periods are those from its first to its last.
  static let slice = FuzzTarget(name: "slice") { input in
    let text = String(decoding: input, as: UTF8.self)
    guard let slice = try? Slice(task: text) else { return }
    let again = try Slice(task: slice.task.text)
    mustHold(again == slice, "\(slice.task.text) is read as \(again.task.text)")
    mustHold(again.json.text == slice.json.text, "it is listed alike")
    mustHold(!slice.orgUnits.isEmpty, "it has units")
    checkPeriods(of: slice)
  }

  private static func checkPeriods(of slice: Slice) {
    // A task may contain the periods of several slices.
    let parts = slice.periods.split(separator: ",")
    let ends = parts.map { part in
      part.split(separator: "..", omittingEmptySubsequences: false).compactMap { Period(id: $0) }
    }
    // Thousands of years have too many days.
    if ends.contains(where: { $0.count == 2 && $0[1].end.dayNumber - $0[0].start.dayNumber > 10_000 }) { return }
    guard let ids = try? slice.periodIDs() else { return }
    for (part, ends) in zip(parts, ends) {
      if ends.count == 2, part.contains("..") {
        mustHold(ids.contains(ends[0].id) && ids.contains(ends[1].id), "\(ids) are from \(ends[0]) to \(ends[1])")
      } else {
        mustHold(ids.contains(String(part)), "\(part) is itself")
      }
    }
    if parts.count == 1 { mustHold(Set(ids).count == ids.count, "no period comes twice in \(slice.periods)") }
  }
}
