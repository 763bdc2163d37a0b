import D2Common
import D2Mapping

/// Replaces the ids of one server by those of another, in lines of data values.
package struct Map: ToolkitCommand {
  package static let name = "d2-map"
  package static let abstract =
    "replace the ids of one server by those of another, in data values (NDJSON from stdin to stdout)"

  static let description = CommandDescription(
    name: name, abstract: abstract,
    examples: [
      ("d2-pull … | d2-map mapping.csv | d2-push …", "with a table whose first line is kind,from,to"),
      ("d2-map mapping.csv --sum < values.ndjson", "several data elements become one: their values are added up"),
      ("d2-map mapping.csv --unmapped fail", "nothing may be left out of the table"),
      ("d2-map suggest --pair hmis > mapping.csv", "a table to begin with (d2-map suggest --help)"),
    ],
    groups: [
      OptionGroup("How", [unmapped, sums])
    ],
    statuses: [
      (.success, "all lines are written, or left out as the table says"), (.usage, "the command line is wrong"),
      (.malformedInput, "a line or the table is malformed; with --unmapped fail an id is not in the table"),
      (.cannotWrite, "the output cannot be written"), (.cannotRead, "the table or the input cannot be read"),
    ], operands: "MAPPING",
    manual: Manual(
      [
        """
        Reads data values, one JSON object a line, and writes them with the ids of another server. All other bytes \
        stay as they are. MAPPING is a CSV, TSV or JSON file. The first line of a table names its columns: `kind`, \
        `from` and `to` are used, others are for people. Kinds are dataElement, orgUnit, categoryOptionCombo, \
        attributeOptionCombo, dataSet, period and value.
        """,
        """
        An id in `to` takes the place of that in `from`. Where `to` is empty, values with this id are dropped. Where \
        it is ?, nobody has decided yet, and the id counts as not in the table. What happens to ids that the table \
        does not know, of a kind that it has, says `--unmapped`. Where several ids become one, `--sum` adds the values \
        of a key up, exactly, in decimal; without it the last one wins at the destination.
        """,
        """
        `suggest` writes a table to begin with: it matches what both servers of a pair have by id, code, options and \
        name, and says how certain that is. A person looks it over, in a spreadsheet or an editor.
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
    help: "What to do with a value that has an id which the table does not know, of a kind that it has (default pass).")
  private static let sums = Flag(
    "--sum",
    help:
      "Values that have one key after the mapping are added up. All keys are held in memory, and nothing is written before the input ends."
  )

  package static func main(_ words: [String]) async -> Never {
    // A table that is called so is ./suggest.
    let suggest = Verb(MappingSuggestion.description) { try MappingSuggestion($0, $1).run() }
    await Command.main(description, words, verbs: [suggest]) { arguments, log in
      guard arguments.operands.count == 1 else {
        throw CommandFailure(
          .usage, "say which mapping: d2-map FILE, a CSV or TSV with the columns kind, from and to, or JSON")
      }
      let table = try MappingTable(path: arguments.operands[0])
      log.debug("\(table.count) ids in \(arguments.operands[0])")
      if table.undecided > 0 {
        log.warning(
          "\(arguments.operands[0]) leaves \(table.undecided) ids undecided (?): they count as not in the table")
      }
      var run = MapRun(table, arguments[unmapped] ?? .pass, sums: arguments[sums], log)
      return try run.run()
    }
  }
}
