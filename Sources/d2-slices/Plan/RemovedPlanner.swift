import D2Client
import D2Common
import D2Ledger
import D2Store

/// Plans the data around organisation units that the source no longer has; `AroundRemoved` explains why.
struct RemovedPlanner {
  static let option = Flag(
    "--around-removed",
    help:
      "Move again what was delivered of the neighbours of organisation units that the source removed: a merge moves values without a change that -i sees. A second time adds nothing."
  )

  let store: Store
  let pair: Pair
  let arguments: Arguments
  let log: Log
  private var ledger: Ledger { Ledger(store) }

  /// Options that select periods or units. Here the ledger knows these.
  private static let others: [any AnyOption] =
    [
      Planner.replace, Planner.maxDelete, Planner.only, CalendarOptions.period, Planner.incremental, Planner.overlap,
      Planner.again, Planner.name,
      Planner.span,
    ] + CalendarOptions.options

  func run(_ sets: [DataSet]) throws -> LedgerPlan.Outcome {
    if let other = arguments.first(of: Self.others)?.name {
      throw CommandFailure(.usage, "\(other) does not go with \(Self.option.name), which plans all that was delivered")
    }
    return try store.database.exclusively(pair: pair.id) {
      let table = OrgUnitTable(store, pair)
      let around = AroundRemoved(try table.all(), removals: try table.removals())
      var outcome = LedgerPlan.Outcome()
      guard !around.units.isEmpty else {
        log.info("no organisation unit of \(pair.label) is gone at the source")
        return outcome
      }
      let units = counted(around.units.count, "organisation unit") + verbForm(around.units.count, "is", "are")
      log.info("\(units) around those that are gone at the source")
      for set in sets {
        for kind in DataKind.allCases where try ledger.knows(pair, set, kind) {
          try plan(set, kind, around, &outcome)
        }
      }
      return outcome
    }
  }

  private func plan(
    _ set: DataSet, _ kind: DataKind, _ around: AroundRemoved, _ outcome: inout LedgerPlan.Outcome
  ) throws {
    guard set.marks[kind]?.through != nil else {
      // If there were no increments, the slices of the backlog cover everything that was moved.
      let reset = try ledger.resetHistory(pair, set.uid, kind, around)
      outcome.planned += reset.near
      outcome.again += reset.again
      return
    }
    // The slices of a period do not cover what increments moved. So plan all time, with one slice for each place.
    for (time, places) in around.places {
      var plan = LedgerPlan()
      let list = plan.add(places: places)
      plan.add(LedgerPlan.Subject(set, kind, places: list, today: arguments.today))
      let one = try plan.writeLocked(pair, to: ledger, name: nil, again: false, startedBefore: time)
      outcome.planned += one.planned
      outcome.added += one.added
      outcome.again += one.again
    }
  }
}
