/// The first difference of two long sequences; `nil` if they are equal. It would take minutes to find in the output of
/// `#expect` for two long arrays.
package func firstDifference<Element: Equatable>(
  _ found: some Sequence<Element>, from expected: some Sequence<Element>
) -> String? {
  var (found, expected) = (found.makeIterator(), expected.makeIterator())
  var place = 0
  while true {
    switch (found.next(), expected.next()) {
    case (nil, nil): return nil
    case (nil, let wanted?): return "ends at \(place), where \(wanted) is expected"
    case (let more?, nil): return "goes on at \(place) with \(more), where the end is expected"
    case (let left?, let right?):
      if left != right { return "\(left) at \(place), where \(right) is expected" }
    }
    place += 1
  }
}
