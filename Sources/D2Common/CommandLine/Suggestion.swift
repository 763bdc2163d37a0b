/// The likely meaning of a mistyped name.
package enum Suggestion {
  /// The nearest of some names, where it is near.
  package static func nearest(to name: String, among names: [String]) -> String? {
    let lowered = name.lowercased()
    let nearest = names.map { (name: $0, distance: editDistance($0.lowercased(), lowered)) }
      .min { $0.distance < $1.distance }
    return nearest.flatMap { $0.distance <= min(3, max(1, name.count / 2)) ? $0.name : nil }
  }
}
