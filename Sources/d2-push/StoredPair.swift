import D2Common
import D2Store

/// The pair that `--pair` or `--slice` names, and the store that it is from.
struct StoredPair {
  let store: Store
  let pair: Pair
  /// Where the values are of a slice of the ledger.
  let slice: Slice?

  static let group = OptionGroup(
    "Pair",
    [
      PairOptions.pair, Store.option,
      Option(
        "--slice", value: "JSON",
        help: "A slice of the ledger: its pair's destination, and whether it is of registrations."),
    ])

  /// - Returns: `nil` where neither is given.
  /// - Throws: `StoreError`; `CommandFailure`: 64 for what is no slice, 78 where there is no such pair.
  init?(_ arguments: Arguments) throws {
    slice = try SliceOption.read(arguments)
    if let slice {
      store = try Store(arguments)
      pair = try store.pair(numbered: slice.pair)
    } else if arguments.has("--pair") {
      (store, pair) = try PairOptions.open(arguments)
    } else {
      return nil
    }
  }
}
