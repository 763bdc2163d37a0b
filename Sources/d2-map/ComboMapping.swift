import D2Client
import D2Common
import D2Mapping

/// Makes a mapping of combos from the targets of their options, for whole categories at once.
///
/// An option that the table does not list is mapped to the destination's option with the same uid, code or name.
struct ComboMapping {
  let table: OptionTable
  let source: ServerCategories
  let destination: ServerCategories
  let log: Log

  /// The target of an option.
  private enum Target: Equatable {
    case option(String)
    /// The combo omits this category.
    case none
    case drop
    /// Nobody has decided yet. Combos with this option count as unmapped.
    case undecided
  }

  /// The result for the source's combos.
  private struct Outcome {
    var unresolved: [String] = []
    /// How many combos of the source are mapped to each of the destination's.
    var reached: [String: Int] = [:]
    var touched: Set<DataValueLine.Key> = []
    var untouched: [(key: DataValueLine.Key, uid: String)] = []
  }

  /// Adds the combos to a mapping.
  ///
  /// - Parameter sums: whether values with the same new key are added up.
  /// - Throws: `CommandFailure`, 65 for a category or option that a server lacks.
  func add(to mapping: inout MappingTable, sums: Bool) throws(CommandFailure) {
    let rules = try self.rules()
    let kept = keptOptions()
    var outcome = Outcome()
    let made = combosByOptions()
    var wanted: [(combo: ServerCategories.Combo, found: [ServerCategories.Combo])] = []
    for combo in source.combos {
      switch fate(of: combo, rules, kept) {
      case .untouched:
        outcome.untouched.append((Self.key(combo), combo.uid))
        continue
      case .unclear:
        outcome.unresolved.append("\(Self.named(combo)): it is not clear which option is of which category")
      case .targets(let targets) where targets.contains(.undecided): break
      case .targets(let targets) where targets.contains(.drop):
        try mapping.add(Self.key(combo), combo.uid, "", in: table.path)
      case .targets(let targets):
        if let found = defaultCombo(for: targets, made) {
          try add(combo, becoming: found, to: &mapping, &outcome)
        } else {
          wanted.append((combo, counterparts(of: combo, targets, made)))
        }
      }
      outcome.touched.insert(Self.key(combo))
    }
    try choose(wanted, &mapping, &outcome)
    try CommandFailure.require(
      !outcome.touched.isEmpty, "\(table.path): no combo of \(source.server) has one of these options")
    // Combos that both servers have are mapped to themselves. So --unmapped fail refuses only combos that neither the
    // table nor the destination has.
    let known = Set(destination.combos.map(\.uid))
    for (key, uid) in outcome.untouched where outcome.touched.contains(key) && known.contains(uid) {
      try mapping.add(key, uid, uid, in: table.path)
    }
    report(outcome, sums: sums)
  }

  /// Adds the combos that the destination has counterparts for.
  private func choose(
    _ wanted: [(combo: ServerCategories.Combo, found: [ServerCategories.Combo])], _ mapping: inout MappingTable,
    _ outcome: inout Outcome
  ) throws(CommandFailure) {
    let choice = ComboChoice(wanted)
    for (combo, found) in wanted {
      switch choice.choose(for: combo, among: found) {
      case .one(let uid): try add(combo, becoming: uid, to: &mapping, &outcome)
      case .missing: outcome.unresolved.append(Self.named(combo))
      case .several(let places):
        outcome.unresolved.append(
          "\(Self.named(combo)): several combos have its options, in \(places.joined(separator: " and "))")
      }
    }
  }

  private func add(
    _ combo: ServerCategories.Combo, becoming uid: String, to mapping: inout MappingTable, _ outcome: inout Outcome
  ) throws(CommandFailure) {
    outcome.reached[uid, default: 0] += 1
    try mapping.add(Self.key(combo), combo.uid, uid, in: table.path)
  }

  private static func key(_ combo: ServerCategories.Combo) -> DataValueLine.Key {
    combo.isOfAttributes ? .attributeOptionCombo : .categoryOptionCombo
  }

  private static func named(_ combo: ServerCategories.Combo) -> String { "\(combo.name) (\(combo.uid))" }

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

  /// Warns about combos of the destination that several of the source are mapped to.
  private func warnOfShared(_ shared: [String: Int]) {
    guard !shared.isEmpty else { return }
    let names = destination.combos.filter { shared[$0.uid] != nil }.map(\.name.quoted).sorted()
    log.warning(
      "\(shared.values.reduce(0, +)) combos become \(shared.count) at \(destination.server) "
        + "(\(Enumeration.few(names, log))): add --sum, or the last value of a key wins there")
  }

  // MARK: Options

  /// The rules of the table, by category and option of the source.
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

  /// Reports a wrong name in the table as an error of the table.
  private func located<Found>(
    _ row: OptionTable.Row, _ find: () throws(CommandFailure) -> Found
  ) throws(CommandFailure) -> Found {
    do throws(CommandFailure) { return try find() } catch {
      throw CommandFailure(.malformedInput, "\(table.path), line \(row.line): \(error)")
    }
  }

  /// Options that are the same on both servers: by uid, code or name.
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

  /// What the table says about a combo.
  private enum Fate {
    /// The table lists none of its options.
    case untouched
    case targets([Target])
    /// The table lists its options, but they may belong to several of its categories.
    case unclear
  }

  /// The targets for a combo's options. An option that the destination lacks gets an empty uid, so no combo matches.
  private func fate(
    of combo: ServerCategories.Combo, _ rules: [String: [String: Target]], _ kept: [String: String]
  ) -> Fate {
    let isListed = combo.categories.contains { category in
      combo.options.contains { rules[category]?[$0] != nil }
    }
    guard isListed else { return .untouched }
    guard let options = ComboArrangement.find(combo.options, in: source.optionsByCategory(of: combo)) else {
      return .unclear
    }
    var targets: [Target] = []
    var isTouched = false
    for (category, option) in options {
      if let target = rules[category]?[option] {
        isTouched = true
        targets.append(target)
      } else {
        targets.append(.option(kept[option] ?? ""))
      }
    }
    let others = combo.options.subtracting(options.values)
    return isTouched ? .targets(targets + others.map { Target.option(kept[$0] ?? "") }) : .untouched
  }

  private struct Made: Hashable {
    let options: Set<String>
    let isOfAttributes: Bool
  }

  private func combosByOptions() -> [Made: [ServerCategories.Combo]] {
    Dictionary(grouping: destination.combos) { Made(options: $0.options, isOfAttributes: $0.isOfAttributes) }
  }

  private static func options(_ targets: [Target]) -> Set<String> {
    var options: Set<String> = []
    for case .option(let uid) in targets { options.insert(uid) }
    return options
  }

  /// The uid of the default combo, if all categories are left out. It belongs to both kinds.
  private func defaultCombo(for targets: [Target], _ made: [Made: [ServerCategories.Combo]]) -> String? {
    guard Self.options(targets).isEmpty, let option = destination.defaultOption else { return nil }
    return made[Made(options: [option], isOfAttributes: false)]?.first?.uid
  }

  /// The destination's combos with these options.
  private func counterparts(
    of combo: ServerCategories.Combo, _ targets: [Target], _ made: [Made: [ServerCategories.Combo]]
  ) -> [ServerCategories.Combo] {
    made[Made(options: Self.options(targets), isOfAttributes: combo.isOfAttributes)] ?? []
  }
}
