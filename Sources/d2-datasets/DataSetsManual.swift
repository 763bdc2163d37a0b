import D2Common

extension DataSets {
  static let manual = Manual([
    """
    Keeps the data sets of a pair's source in the store, with their period types, and up to when each was delivered. What is active is what \
    `d2-pull --pair` reads and d2-slices(1) plans.
    """,
    """
    `sync` fetches what the source's user may see, and says what was added, changed or is gone; data sets that were disabled stay so. \
    `set --include-deleted on` lets deletions at the source travel too.
    """,
    """
    Increments (`-i` of d2-pull(1) and d2-slices(1)) go on from the time that `list` shows as `syncedThrough`, by the source's clock. \
    d2-slices moves it by itself. `mark` sets it by hand, after a full run that something else did.
    """,
    """
    `check` compares with the destination before any data move: data sets, elements, category option combos and assignments that it lacks or \
    has differently, elements whose zeros it does not keep (`zerosNotKept`) and those that hold files, which do not travel (`holdsFiles`). `periods` needs no server and no pair: it prints the periods of a type.
    """,
  ])
}
