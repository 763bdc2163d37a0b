import D2Client
import D2Common
import D2Mapping
import D2Store

/// Replaces the ids of one server with those of another, in lines of data values.
package struct Map: ToolkitCommand {
  package static let name = "d2-map"
  package static let abstract =
    "replace the ids of one server by those of another, in data values (NDJSON from stdin to stdout)"

  static let description = CommandDescription(
    name: name, abstract: abstract,
    examples: [
      ("d2-pull … | d2-map mapping.csv | d2-push …", "use a table whose first line is kind,from,to"),
      ("d2-map mapping.csv --sum < values.ndjson", "add up the values of data elements that become one"),
      ("d2-map mapping.csv --unmapped fail", "stop at an id that is not in the table"),
      (
        "d2-map options.csv --pair hmis --sum",
        "map whole categories with a table whose first line is category,from option,to option"
      ),
      ("d2-map suggest --pair hmis > mapping.csv", "make a table to begin with (d2-map suggest --help)"),
    ],
    groups: [
      OptionGroup("How", [unmapped, sums]), PairOptions.group, ServerOptions.transport,
    ],
    statuses: [
      (.success, "all lines are written, or left out as the table says"), (.usage, "the command line is wrong"),
      (.malformedInput, "a line or the table is malformed; with --unmapped fail an id is not in the table"),
      (.cannotWrite, "the output cannot be written"), (.cannotRead, "the table or the input cannot be read"),
      (.unreachable, "a server cannot be reached, which a table of options needs"),
      (.temporary, "a server failed after all retries"), (.refused, "credentials or access refused"),
    ], operands: "MAPPING…",
    manual: Manual(
      [
        """
        Reads data values, one JSON object a line, and writes them with the ids of another server. All other bytes \
        stay as they are. MAPPING is a CSV, TSV or JSON file. The first line of a table names its columns. d2-map uses \
        `kind`, `from` and `to`; others are for people. Kinds are dataElement, orgUnit, categoryOptionCombo, \
        attributeOptionCombo, dataSet, period and value.
        """,
        """
        The id in `to` replaces the id in `from`. If `to` is empty, values with this id are dropped. If it is ?, \
        nobody has decided yet, and the id counts as not in the table. `--unmapped` says what happens to ids that the \
        table does not know, of a kind that it has. If several ids become one, `--sum` adds the values of a key up, \
        exactly, in decimal. Without it the last one wins at the destination.
        """,
        """
        The unit of registrations (`d2-pull --with-registrations`) is mapped as that of values. The end line of \
        `d2-pull --end-line` gets the new ids. If values were dropped, d2-map leaves it out and says so: then \
        `d2-push --replace` deletes nothing.
        """,
        """
        A table of options has the columns `category`, `from option` and `to option`, and needs `--pair`. d2-map asks \
        both servers for their combos. Each combo of the source becomes the destination's combo of the mapped options. \
        Options are named by uid, code or name; `*` means all others of the category. `default` as the target leaves \
        the category out of the combo; an empty target drops the values. An option that the table does not list stays: \
        it is the destination's with its uid, code or name. If a combo has no counterpart, or several, d2-map says \
        why. The combo then counts as not in the table.
        """,
        """
        `suggest` writes a table to begin with. It matches the objects of both servers by id, code, options and name, \
        and shows how certain each match is. Check the table in a spreadsheet or an editor.
        """,
      ],
      files: [
        (
          "mapping.csv",
          "For example: a first line kind,from,to and then dataElement,fbfJHSPpUQD,Xk2Vfee0Ffq. As JSON: {\"dataElement\": {\"fbfJHSPpUQD\": \"Xk2Vfee0Ffq\"}}; null drops."
        )
      ]))

  private static let unmapped = Option(
    "--unmapped", as: .one(of: Unmapped.self),
    help: "Keep (pass, the default), drop, or stop at (fail) values with an unknown id of a kind that the table has.")
  private static let sums = Flag(
    "--sum",
    help:
      "Add up values that have the same key after the mapping. Memory holds all keys, and the output begins when the input ends."
  )

  package static func main(_ words: [String]) async -> Never {
    // A table file with that name is ./suggest.
    let suggest = Verb(MappingSuggestion.description) { try MappingSuggestion($0, $1).run() }
    await Command.main(description, words, verbs: [suggest]) { arguments, log in
      let table = try table(arguments, log)
      var run = MapRun(table, arguments[unmapped] ?? .pass, sums: arguments[sums], log)
      return try run.run()
    }
  }

  /// The combined mapping of all tables.
  private static func table(_ arguments: Arguments, _ log: Log) throws -> MappingTable {
    let paths = arguments.operands
    guard !paths.isEmpty else {
      throw CommandFailure(
        .usage, "say which mapping: d2-map FILE, a CSV or TSV with the columns kind, from and to, or JSON")
    }
    var table = MappingTable()
    for path in paths {
      let bytes = try MappingTable.bytes(of: path)
      if try OptionTable.isOne(bytes, path) {
        try combos(OptionTable(bytes, path), arguments, log).add(to: &table, sums: arguments[sums])
      } else {
        let before = table.undecided
        try table.read(bytes, path)
        if table.undecided > before {
          log.warning("\(path) leaves \(counted(table.undecided - before, "id")) undecided (?), as if not in the table")
        }
      }
    }
    log.debug("\(table.count) ids in \(paths.joined(separator: ", "))")
    return table
  }

  private static func combos(_ options: OptionTable, _ arguments: Arguments, _ log: Log) throws -> ComboMapping {
    guard arguments.has(PairOptions.pair) else {
      throw CommandFailure(
        .usage,
        "\(options.path) is a table of options: give --pair, because d2-map makes combos of it between two servers")
    }
    let (_, pair) = try PairOptions.open(arguments)
    let (source, destination) = try (
      pair.client(of: .source, arguments, log),
      pair.client(of: .destination, arguments, log)
    )
    return ComboMapping(
      table: options, source: try ServerCategories(source), destination: try ServerCategories(destination), log: log)
  }
}
