/// A number with its noun: `1 request`, `2 requests`, `0 retries`.
///
/// - Parameter noun: the noun in the singular.
package func counted(_ number: Int, _ noun: String) -> String { "\(number) \(number == 1 ? noun : plural(of: noun))" }

/// The form of a verb for a number: `counted(n, "unit") + verbForm(n, "is", "are")`.
package func verbForm(_ number: Int, _ one: String, _ many: String) -> String { " " + (number == 1 ? one : many) }

private func plural(of noun: String) -> String {
  if noun.hasSuffix("y"), let before = noun.dropLast().last, !"aeiou".contains(before) {
    return noun.dropLast() + "ies"
  }
  return noun + (["ch", "sh", "s", "x"].contains(where: noun.hasSuffix) ? "es" : "s")
}
