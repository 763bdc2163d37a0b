import CJSONBlocks
import D2Common
import TestSupport

extension FuzzTarget {
  /// A line is accepted if the slow reader accepts it as an object, and both have the same fields. One exception is
  /// documented at `DataValueLine`: it refuses a byte order mark. A NUL, which no line can contain, separates lines:
  /// the later ones may be read with the layout of an earlier one.
  static let line = FuzzTarget(name: "line") { input in
    let scratch = DataValueLine.Scratch()
    for path in jsonPaths {
      _ = d2_json_use_path(path)
      for line in [input] + input.split(separator: 0).map(Array.init) {
        let comparison = LineComparison(line, scratch)
        mustHold(comparison.difference == nil, "\(path): \(comparison.difference!)")
      }
    }
  }
}
