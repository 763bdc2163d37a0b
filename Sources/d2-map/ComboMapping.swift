import D2Client
import D2Common
import D2Mapping

/// Makes a mapping of combos of what their options become: whole categories at once.
///
/// An option of a category that the table does not list stays what it is: the one of the destination with its uid, code
/// or name.
struct ComboMapping {
  let table: OptionTable
  let source: ServerCategories
  let destination: ServerCategories
  let log: Log

  /// What becomes of an option.
  private enum Target: Equatable {
    case option(String)
    /// Its category is left out of the combo.
    case none
    case drop
    /// Nobody has decided yet: its combos count as not in the table.
    case undecided
  }

  /// What became of the source's combos.
  private struct Outcome {
    var unresolved: [String] = []
    /// How many combos of the source became each of the destination's.
    var reached: [String: Int] = [:]
    var touched: Set<DataValueLine.Key> = []
    var untouched: [(key: DataValueLine.Key, uid: String)] = []
  }

  /// Adds the combos to a mapping.
  ///
  /// - Parameter sums: whether values that become one are added up.
  /// - Throws: `CommandFailure`, 65 for a category or option that a server does not have.
  func add(to mapping: inout MappingTable, sums: Bool) throws(CommandFailure) {
    let rules = try self.rules()
    let kept = keptOptions()
    var outcome = Outcome()
    let made = combosByOptions()
    for combo in source.combos {
      let key = combo.isOfAttributes ? DataValueLine.Key.attributeOptionCombo : .categoryOptionCombo
      guard let targets = targets(of: combo, rules, kept) else {
        outcome.untouched.append((key, combo.uid))
        continue
      }
      outcome.touched.insert(key)
      if targets.contains(.undecided) { continue }
      if targets.contains(.drop) {
        try mapping.add(key, combo.uid, "", in: table.path)
      } else if let found = counterpart(of: combo, targets, made) {
        outcome.reached[found, default: 0] += 1
        try mapping.add(key, combo.uid, found, in: table.path)
      } else {
        outcome.unresolved.append("\(combo.name) (\(combo.uid))")
      }
    }
    try CommandFailure.require(
      !outcome.touched.isEmpty, "\(table.path): no combo of \(source.server) has one of these options")
    // What both have stays: with --unmapped fail only what is in neither fails.
    let known = Set(destination.combos.map(\.uid))
    for (key, uid) in outcome.untouched where outcome.touched.contains(key) && known.contains(uid) {
      try mapping.add(key, uid, uid, in: table.path)
    }
    report(outcome, sums: sums)
  }

  private func report(_ outcome: Outcome, sums: Bool) {
    if table.undecided > 0 {
      log.warning(
        "\(table.path) leaves \(counted(table.undecided, "option")) undecided (?): "
          + "the combos that have one count as not in the table")
    }
    let count = outcome.unresolved.count
    if count > 0 {
      log.warning(
        "\(counted(count, "combo"))\(verbForm(count, "has", "have")) no single counterpart at \(destination.server), "
          + "and\(verbForm(count, "counts", "count")) as not in the table: "
          + Enumeration.few(outcome.unresolved, log))
    }
    if !sums { warnOfShared(outcome.reached.filter { $0.value > 1 }) }
  }

  /// Says which combos of the destination several of the source become.
  private func warnOfShared(_ shared: [String: Int]) {
    guard !shared.isEmpty else { return }
    let names = destination.combos.filter { shared[$0.uid] != nil }.map(\.name.quoted).sorted()
    log.warning(
      "\(shared.values.reduce(0, +)) combos become \(shared.count) at \(destination.server) "
        + "(\(Enumeration.few(names, log))): add --sum, or the last value of a key wins there")
  }

  // MARK: Options

  /// What the table says, by category and option of the source.
  private func rules() throws(CommandFailure) -> [String: [String: Target]] {
    var rules: [String: [String: Target]] = [:]
    var others: [String: Target] = [:]
    let categories = NameSelection(source.categories, kind: "category", place: "at \(source.server)")
    let targets = NameSelection(
      Array(destination.options.values), kind: "category option", place: "at \(destination.server)")
    for row in table.rows {
      let category = try located(row) { () throws(CommandFailure) in try categories.one(row.category) }
      let target = try target(of: row, targets)
      if row.from == OptionTable.allOthers {
        try set(&others[category.uid], target, row)
        continue
      }
      let options = NameSelection(
        category.options.compactMap { source.options[$0] }, kind: "option",
        place: "of \(category.name) at \(source.server)")
      let option = try located(row) { () throws(CommandFailure) in try options.one(row.from) }
      try set(&rules[category.uid, default: [:]][option.uid], target, row)
    }
    for category in source.categories {
      guard let target = others[category.uid] else { continue }
      for option in category.options where rules[category.uid]?[option] == nil {
        rules[category.uid, default: [:]][option] = target
      }
    }
    return rules
  }

  private func target(
    of row: OptionTable.Row, _ options: NameSelection<ServerCategories.Option>
  ) throws(CommandFailure) -> Target {
    if row.isUndecided { return .undecided }
    if row.to.isEmpty { return .drop }
    if row.to == "default" { return .none }
    return .option(try located(row) { () throws(CommandFailure) in try options.one(row.to).uid })
  }

  private func set(_ place: inout Target?, _ target: Target, _ row: OptionTable.Row) throws(CommandFailure) {
    guard place == nil || place == target else {
      throw CommandFailure(
        .malformedInput, "\(table.path), line \(row.line): \(row.from) is mapped twice, to different targets")
    }
    place = target
  }

  /// What a table names wrongly is a fault of the table.
  private func located<Found>(
    _ row: OptionTable.Row, _ find: () throws(CommandFailure) -> Found
  ) throws(CommandFailure) -> Found {
    do throws(CommandFailure) { return try find() } catch {
      throw CommandFailure(.malformedInput, "\(table.path), line \(row.line): \(error)")
    }
  }

  /// Options that are the same at both ends: by uid, code or name.
  private func keptOptions() -> [String: String] {
    func objects(_ server: ServerCategories) -> [MetadataObject] {
      server.options.values.sorted { $0.uid < $1.uid }.map {
        MetadataObject(uid: $0.uid, name: $0.name, code: $0.code)
      }
    }
    var kept: [String: String] = [:]
    for match in Counterparts.find(objects(source), among: objects(destination)) where match.confidence >= 0.9 {
      kept[match.source.uid] = match.destination?.uid
    }
    return kept
  }

  // MARK: Combos

  /// What becomes of a combo's options; `nil` where the table lists none of them. An option that the destination does
  /// not have gets an empty uid, and no combo is made of it.
  private func targets(
    of combo: ServerCategories.Combo, _ rules: [String: [String: Target]], _ kept: [String: String]
  ) -> [Target]? {
    var isTouched = false
    let targets = combo.options.map { option -> Target in
      if let category = source.category(of: option, in: combo), let target = rules[category]?[option] {
        isTouched = true
        return target
      }
      return .option(kept[option] ?? "")
    }
    return isTouched ? targets : nil
  }

  private struct Made: Hashable {
    let options: Set<String>
    let isOfAttributes: Bool
  }

  private func combosByOptions() -> [Made: [String]] {
    Dictionary(grouping: destination.combos) { Made(options: $0.options, isOfAttributes: $0.isOfAttributes) }
      .mapValues { $0.map(\.uid) }
  }

  /// The destination's combo of these options; of several the one with the same uid.
  private func counterpart(
    of combo: ServerCategories.Combo, _ targets: [Target], _ made: [Made: [String]]
  ) -> String? {
    var options: Set<String> = []
    for case .option(let uid) in targets { options.insert(uid) }
    if options.isEmpty, let ofDefault = destination.defaultOption {
      // The default combo is of both kinds.
      return made[Made(options: [ofDefault], isOfAttributes: false)]?.first
    }
    let found = made[Made(options: options, isOfAttributes: combo.isOfAttributes)] ?? []
    return found.count == 1 ? found[0] : found.first { $0 == combo.uid }
  }
}
