import D2Client
import D2Common

/// Turns relative periods into ids, for a pull without a pair: those of each data set's own type, by the server's
/// clock.
///
/// A selection of data elements alone has no type. Its periods are those that DHIS2 itself would use.
struct RelativeSelection {
  let client: DHIS2Client
  let log: Log

  /// - Throws: `ServerError`; `CommandFailure`, 64 for a server with another calendar, 1 if no period has begun.
  func resolve(in selections: inout [PullOptions]) throws {
    let names = selections.flatMap(\.periods).unique
    let relatives = names.compactMap { RelativePeriod($0) }
    guard !relatives.isEmpty else { return }
    let clock = try PeriodClock(client, relatives, from: selections[0].relativeDate, log)
    selections = try selections.flatMap { try resolved($0, clock) }
    guard !selections.isEmpty else {
      throw CommandFailure(.incomplete, "no data set has a period in \(names.joined(separator: ", ")) that has begun")
    }
  }

  /// The selections for the types of its data sets.
  private func resolved(_ selection: PullOptions, _ clock: PeriodClock) throws -> [PullOptions] {
    guard selection.periods.contains(where: { RelativePeriod($0) != nil }) else { return [selection] }
    func with(_ periods: [String], _ sets: [String]) -> PullOptions {
      var part = selection
      part.dataSets = sets
      part.periods = periods
      part.tagsDataSet = selection.isTagged
      return part
    }
    guard !selection.dataSets.isEmpty else { return [with(ids(of: selection, clock) { $0.periods(by: clock) }, [])] }
    var parts: [(rhythm: Rhythm?, sets: [String])] = []
    let rhythms = try rhythms(of: selection.dataSets)
    for set in selection.dataSets {
      let rhythm = rhythms[set]
      if let place = parts.firstIndex(where: { $0.rhythm == rhythm }) {
        parts[place].sets.append(set)
      } else {
        parts.append((rhythm, [set]))
      }
    }
    func periods(_ rhythm: Rhythm?) -> [String] {
      ids(of: selection, clock) { relative in
        guard let rhythm else { return relative.periods(by: clock) }
        return CalendarSelection(relative).periods(
          of: rhythm.type, openFuturePeriods: rhythm.openFuturePeriods, by: clock)
      }
    }
    if selection.isOneSubject { return [with(parts.flatMap { periods($0.rhythm) }.unique, selection.dataSets)] }
    return parts.map { with(periods($0.rhythm), $0.sets) }.filter { part in
      if part.periods.isEmpty {
        log.info("data sets \(part.dataSets.joined(separator: ", ")) have no period in this time that has begun")
      }
      return !part.periods.isEmpty
    }
  }

  private func ids(of selection: PullOptions, _ clock: PeriodClock, _ make: (RelativePeriod) -> [Period]) -> [String] {
    selection.periods.flatMap { text in RelativePeriod(text).map { make($0).map(\.id) } ?? [text] }.unique
  }

  /// The settings of a data set that define its periods.
  private struct Rhythm: Equatable {
    let type: PeriodType
    let openFuturePeriods: Int
  }

  /// The rhythms of the known data sets. The look-up of ids reports the unknown ones.
  private func rhythms(of sets: [String]) throws -> [String: Rhythm] {
    var rhythms: [String: Rhythm] = [:]
    try client.forEachObject(sets, in: "dataSets", fields: "id,periodType,openFuturePeriods") { set in
      guard let id = set["id"]?.string, let type = set["periodType"]?.string.flatMap({ PeriodType(rawValue: $0) })
      else {
        return
      }
      rhythms[id] = Rhythm(type: type, openFuturePeriods: set["openFuturePeriods"]?.int ?? 0)
    }
    return rhythms
  }
}
