import D2Common
import D2Store

/// The pair that `--pair` or `--slice` names, and its store.
struct StoredPair {
  let store: Store
  let pair: Pair
  /// The slice of the ledger, for its values.
  let slice: Slice?

  private static let sliceOption = SliceOption.option.described(
    "Send to the destination of this slice of the ledger, as values or registrations.", value: "JSON")

  static let group = OptionGroup("Pair", [PairOptions.pair, Store.option, sliceOption])

  /// - Returns: `nil` if neither option is given.
  /// - Throws: `StoreError`; `CommandFailure`: 64 if the text is not a slice, 78 if there is no such pair.
  init?(_ arguments: Arguments) throws {
    slice = try SliceOption.read(arguments)
    if let slice {
      store = try Store(arguments)
      pair = try store.pair(numbered: slice.pair)
    } else if arguments.has(PairOptions.pair) {
      (store, pair) = try PairOptions.open(arguments)
    } else {
      return nil
    }
  }
}
