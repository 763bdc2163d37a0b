import D2Client
import D2Common
import D2Ledger
import D2Store

/// Plans again what lies around organisation units that the source no longer has: `AroundRemoved` says why.
struct RemovedPlanner {
  static let option = Flag(
    "--around-removed",
    help:
      "Around the organisation units that are gone at the source: what was ever delivered of their neighbours is moved again, since a merge moves values where no increment sees it. Again: nothing new."
  )

  private let store: Store
  private let pair: Pair
  private let arguments: Arguments
  private let log: Log
  private let ledger: Ledger

  init(_ store: Store, _ pair: Pair, _ arguments: Arguments, _ log: Log) {
    self.store = store
    self.pair = pair
    self.arguments = arguments
    self.log = log
    ledger = Ledger(store)
  }

  /// Options that say which periods or units: here the ledger knows.
  private static let others: [any AnyOption] =
    [
      Planner.only, CalendarOptions.period, Planner.incremental, Planner.overlap, Planner.again, Planner.name,
      Planner.span,
    ] + CalendarOptions.options

  func run(_ sets: [DataSet]) throws -> LedgerPlan.Outcome {
    if let other = arguments.first(of: Self.others)?.name {
      throw CommandFailure(.usage, "\(other) does not go with \(Self.option.name), which plans all that was delivered")
    }
    return try store.database.exclusively(pair: pair.id) {
      let table = OrgUnitTable(store, pair)
      let around = AroundRemoved(try table.all(), removals: try table.removals())
      log.info(
        around.units.isEmpty
          ? "no organisation unit of \(pair.label) is gone at the source"
          : counted(around.units.count, "organisation unit")
            + "\(verbForm(around.units.count, "is", "are")) around those that are gone at the source")
      var outcome = LedgerPlan.Outcome()
      guard !around.units.isEmpty else { return outcome }
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
      // A backlog alone: its slices are all that was moved.
      let reset = try ledger.resetHistory(pair, set.uid, kind, around)
      outcome.planned += reset.near
      outcome.again += reset.again
      return
    }
    // What increments brought is in no slice of a period: all time, in one slice a place.
    for (time, places) in around.places {
      var plan = LedgerPlan()
      var subject = LedgerPlan.Subject(
        dataSet: set.uid, periods: "", newest: arguments.today.dayNumber, places: plan.add(places: places))
      subject.kind = kind
      subject.includesDeleted = set.asksForDeleted(kind)
      plan.add(subject)
      let one = try plan.writeLocked(pair, to: ledger, name: nil, again: false, startedBefore: time)
      outcome.planned += one.planned
      outcome.added += one.added
      outcome.again += one.again
    }
  }
}
