import D2Common

/// Names that a shell can ask d2 for: of pairs, and of a pair's data sets and organisation units.
enum CompletedName: String, CaseIterable {
  case pair, dataSet, dataSetUID, unit

  /// What an option takes.
  init?(_ option: any AnyOption) {
    switch (option.name, option.value ?? "") {
    case (_, "PAIR"): self = .pair
    case ("--data-set", let value): self = value.contains("NAME") ? .dataSet : .dataSetUID
    case ("--only", _), ("--below", _): self = .unit
    default: return nil
    }
  }

  /// What stands beside the options.
  init?(operands: String) {
    switch operands {
    case "PAIR": self = .pair
    case _ where operands.hasPrefix("DATASET"): self = .dataSet
    case _ where operands.hasPrefix("UNIT"): self = .unit
    default: return nil
    }
  }

  /// Prints them, one a line.
  ///
  /// - Parameters:
  ///   - pair: options that say which pair.
  ///   - store: options that say which store.
  func command(pair: String, store: String) -> String {
    let (list, column) =
      switch self {
      case .pair: ("d2-pairs list", 1)
      case .dataSet: ("d2-datasets list \(pair)", 2)
      case .dataSetUID: ("d2-datasets list \(pair)", 1)
      case .unit: ("d2-orgunits list \(pair) --active", 2)
      }
    return "\(list) --format tsv \(store) 2>/dev/null | tail -n +2 | cut -f\(column)"
  }
}
