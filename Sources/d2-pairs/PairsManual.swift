import D2Client
import D2Common

extension Pairs {
  static let manual = Manual(
    [
      """
      A pair is two DHIS2 servers under one name: a source, which is only read, and a destination. The other commands take it as `--pair`, and \
      need neither addresses nor ids any more. Pairs are kept in a store, a SQLite file that is made when the first one is added; \
      or, for several hosts, in the PostgreSQL database that `D2_STORE` or `--store` names.
      """,
      """
      Secrets are best kept elsewhere, and the store only told where. `env:NAME` is a variable, `file:PATH` the first line of a file, \
      `cmd:COMMAND` the first line that a command prints, `prompt` asks at the terminal. What is typed, or stood in `D2_SOURCE_PAT` and its \
      like, is kept in the store itself. `list` and `show` mask it. No secret is ever taken from the command line, where others could see it. \
      Who may write to the store may name a command: trust it as you trust a shell.
      """,
      """
      `test` signs in at both ends and reports version, user, authorities, calendar, clock and round trip of each; it ends with 1 where something \
      of that would keep data from moving. `set` changes what its options name and leaves the rest. `remove` asks first; with the pair go its data \
      sets, organisation units and slices.
      """,
    ],
    environment: [
      (
        "D2_SOURCE_PAT, D2_SOURCE_USERNAME, D2_SOURCE_PASSWORD",
        "Credentials of the source. `add` keeps them in the store where no option names others; `test` uses them where the pair has none."
      ),
      ("D2_DESTINATION_PAT, D2_DESTINATION_USERNAME, D2_DESTINATION_PASSWORD", "The same of the destination."),
    ])
}
