import CJSONBlocks
import D2Common
import TestSupport

extension FuzzTarget {
  /// A line is accepted where the slow reader accepts it as an object, and its fields are the reader's. But for what
  /// `DataValueLine` says of itself: it takes no byte order mark.
  static let line = FuzzTarget(name: "line") { input in
    let scratch = DataValueLine.Scratch()
    for path in jsonPaths {
      _ = d2_json_use_path(path)
      let comparison = LineComparison(input, scratch)
      mustHold(comparison.difference == nil, "\(path): \(comparison.difference!)")
    }
  }
}
