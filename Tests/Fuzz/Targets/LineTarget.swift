import CJSONBlocks
import D2Common
import TestSupport

extension FuzzTarget {
  /// A line is accepted where the slow reader accepts it as an object, and its fields are the reader's. But for what
  /// `DataValueLine` says of itself: it takes no byte order mark. A NUL, which no line can have, parts several lines:
  /// those after the first may be read by the layout of one before.
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
