import D2Common

/// Chooses among the destination's combos that have the same options.
///
/// A destination may use the same options in several category combos: {Male, Female} in "Sex" and in "Sex (HIV)". Then
/// the right one is the category combo that has counterparts for all combos of the source's category combo.
struct ComboChoice {
  typealias Combo = ServerCategories.Combo

  enum Choice: Equatable {
    case one(String)
    case missing
    /// Several are equally good. `places` names their category combos.
    case several(places: [String])
  }

  /// For each category combo of the source, the destination's category combos with counterparts for all its combos.
  private var complete: [String: Set<String>] = [:]

  /// - Parameter candidates: for each mapped combo of the source, the destination's combos with its new options.
  init(_ candidates: [(combo: Combo, found: [Combo])]) {
    // A combo without any counterpart tells nothing about the others.
    for (combo, found) in candidates where !found.isEmpty {
      guard let own = combo.categoryCombo else { continue }
      let there = Set(found.compactMap(\.categoryCombo))
      complete[own] = complete[own].map { $0.intersection(there) } ?? there
    }
  }

  func choose(for combo: Combo, among found: [Combo]) -> Choice {
    guard let first = found.first else { return .missing }
    guard found.count > 1 else { return .one(first.uid) }
    if found.contains(where: { $0.uid == combo.uid }) { return .one(combo.uid) }
    let complete = combo.categoryCombo.flatMap { self.complete[$0] } ?? []
    let better = found.filter { $0.categoryCombo.map(complete.contains) ?? false }
    let left = better.isEmpty ? found : better
    guard left.count > 1 else { return .one(left[0].uid) }
    return .several(places: Set(left.map { "\($0.categoryComboName.quoted) (\($0.categoryCombo ?? "?"))" }).sorted())
  }
}
