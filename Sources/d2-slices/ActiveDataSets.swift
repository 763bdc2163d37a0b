import D2Common
import D2Store

extension DataSetTable {
  /// The data sets of the pair that are moved.
  ///
  /// - Throws: `StoreError`; `CommandFailure`, 64, where there is none.
  func active(of pair: Pair) throws -> [DataSet] {
    let sets = try all().filter(\.isActive)
    guard !sets.isEmpty else {
      throw CommandFailure(
        .usage, "no data set of \(pair.label) is active: run d2-datasets sync --pair \(pair.label) first")
    }
    return sets
  }
}
