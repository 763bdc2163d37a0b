import D2Common

extension OrgUnits {
  static let manual = Manual([
    """
    Keeps the organisation units of a pair's source in the store. Each active one stands for itself and all below it: whoever syncs \
    `--level District` pulls a country by its districts, and d2-slices(1) makes a slice of each.
    """,
    """
    `sync` fetches what there is and says what was added, changed or is gone. What it selects (`--level`, `--root`) is selected from then on, \
    until `--all`. Units that were disabled stay so, with all below them. Where most active units would be found missing, nothing is written: a \
    user who may see less than before looks just so; `--force` does it all the same.
    """,
    """
    `check` compares with the destination before any data move: units that are not there, have another name, code or parent, or were closed in \
    the time that is asked about. It writes one problem a line, and ends with 1 where there is any.
    """,
    """
    Units are named by uid, code or name. A name that several have is refused, with those that it could mean.
    """,
  ])
}
