/// Finds which category of a combo each of its options belongs to.
///
/// Categories of one combo may share an option, such as "Unknown". In a combo, each category has one option. So the
/// other options tell which category a shared one belongs to. In {<5, Unknown} of Age and Sex, "<5" is an age, so
/// "Unknown" is a sex. {Unknown} alone is both.
enum ComboArrangement {
  /// Assigns options to categories by elimination.
  ///
  /// - Parameters:
  ///   - options: the options of the combo. Options of none of the categories are left out.
  ///   - categories: the options of its categories, by uid. Categories without an option of the combo are left out.
  /// - Returns: the option of each category; `nil` if the options can be assigned in several ways, or not at all.
  static func find(_ options: Set<String>, in categories: [String: Set<String>]) -> [String: String]? {
    var open = categories.mapValues { $0.intersection(options) }.filter { !$0.value.isEmpty }
    var unused = open.values.reduce(into: Set<String>()) { $0.formUnion($1) }
    var found: [String: String] = [:]
    while !open.isEmpty {
      // With as many categories as unused options, none is left for an option that another category has.
      if open.count == unused.count { open = open.mapValues { $0.intersection(unused) } }
      guard let (category, option) = certain(open, unused) else { return nil }
      found[category] = option
      open[category] = nil
      unused.remove(option)
    }
    return unused.isEmpty ? found : nil
  }

  /// A category with only one possible option, or one that only it can use. If there is neither, and the options can be
  /// assigned at all, there are several ways: a bipartite graph with only one perfect matching has a node of degree 1.
  private static func certain(
    _ open: [String: Set<String>], _ unused: Set<String>
  ) -> (category: String, option: String)? {
    for (category, options) in open where options.count == 1 { return (category, options.first!) }
    for option in unused {
      let possible = open.filter { $0.value.contains(option) }
      if possible.count == 1 { return (possible.first!.key, option) }
    }
    return nil
  }
}
