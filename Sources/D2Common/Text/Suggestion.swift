/// The likely meaning of a mistyped name.
package enum Suggestion {
  /// A short word is a part of hundreds of names, which would not help anybody.
  private static let mostNamed = 3
  private static let leastLetters = 3

  /// Names that contain a text, the shortest first.
  package static func containing(_ text: String, among names: some Sequence<String>) -> [String] {
    let lowered = text.lowercased()
    guard lowered.count >= leastLetters else { return [] }
    let found = names.filter { $0.lowercased().contains(lowered) }.unique
    return Array(found.sorted { ($0.count, $0) < ($1.count, $1) }.prefix(mostNamed))
  }

  /// The most similar name, if it is similar enough.
  package static func nearest(to name: String, among names: [String]) -> String? {
    let lowered = name.lowercased()
    let nearest = names.map { (name: $0, distance: editDistance($0.lowercased(), lowered)) }
      .min { $0.distance < $1.distance }
    return nearest.flatMap { $0.distance <= min(3, max(1, name.count / 2)) ? $0.name : nil }
  }
}

/// How many letters must be added, removed, changed or swapped with the next one to turn one word into the other
/// (optimal string alignment).
func editDistance(_ left: String, _ right: String) -> Int {
  let (left, right) = (Array(left), Array(right))
  // The distances of the beginnings of both words.
  var distances = [Array(0...right.count)]
  for row in left.indices {
    distances.append([row + 1])
    for column in right.indices {
      let change = distances[row][column] + (left[row] == right[column] ? 0 : 1)
      var least = min(change, distances[row][column + 1] + 1, distances[row + 1][column] + 1)
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        least = min(least, distances[row - 1][column - 1] + 1)
      }
      distances[row + 1].append(least)
    }
  }
  return distances[left.count][right.count]
}
