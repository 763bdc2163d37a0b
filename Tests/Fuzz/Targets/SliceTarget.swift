import D2Common
import D2Store

extension FuzzTarget {
  /// A slice that is read from its task has the same task, and its periods are those between its first and its last.
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
    let ends = slice.periods.split(separator: "..", omittingEmptySubsequences: false).compactMap { Period(id: $0) }
    // Days of thousands of years are many.
    if ends.count == 2, ends[1].end.dayNumber - ends[0].start.dayNumber > 10_000 { return }
    guard let ids = try? slice.periodIDs() else { return }
    guard ends.count == 2, slice.periods.contains("..") else {
      mustHold(ids == (slice.periods.isEmpty ? [] : [slice.periods]), "\(slice.periods) is itself")
      return
    }
    mustHold(ids.contains(ends[0].id) && ids.contains(ends[1].id), "\(ids) are from \(ends[0]) to \(ends[1])")
    mustHold(Set(ids).count == ids.count, "no period comes twice in \(slice.periods)")
  }
}
