import D2Common
import D2Mapping

/// Replaces the ids of one server by those of another, in lines of data values.
@main
struct Map {
  static func main() async {
    // A table that is called so is ./suggest.
    let suggest = Verb(MappingSuggestion.description) { try MappingSuggestion($0, $1).run() }
    await Command.main(description, verbs: [suggest]) { arguments, log in
      guard arguments.operands.count == 1 else {
        throw CommandFailure(
          .usage, "say which mapping: d2-map FILE, a CSV or TSV with the columns kind, from and to, or JSON")
      }
      let unmapped = try arguments.choice("--unmapped", Unmapped.allCases.map(\.rawValue))
      let table = try MappingTable(path: arguments.operands[0])
      log.debug("\(table.count) ids in \(arguments.operands[0])")
      if table.undecided > 0 {
        log.warning(
          "\(arguments.operands[0]) leaves \(table.undecided) ids undecided (?): they count as not in the table")
      }
      var run = MapRun(
        table, unmapped.flatMap(Unmapped.init(rawValue:)) ?? .pass, sums: arguments.has("--sum"), log)
      return try run.run()
    }
  }

  static let description = CommandDescription(
    name: "d2-map",
    abstract: "replace the ids of one server by those of another, in data values (NDJSON from stdin to stdout)",
    examples: [
      ("d2-pull … | d2-map mapping.csv | d2-push …", "with a table whose first line is kind,from,to"),
      ("d2-map mapping.csv --sum < values.ndjson", "several data elements become one: their values are added up"),
      ("d2-map mapping.csv --unmapped fail", "nothing may be left out of the table"),
      ("d2-map suggest --pair hmis > mapping.csv", "a table to begin with (d2-map suggest --help)"),
    ],
    groups: [
      OptionGroup(
        "How",
        [
          Option(
            "--unmapped", value: "pass|drop|fail",
            help:
              "What to do with a value that has an id which the table does not know, of a kind that it has (default pass)."
          ),
          Option(
            "--sum",
            help:
              "Values that have one key after the mapping are added up. All keys are held in memory, and nothing is written before the input ends."
          ),
        ])
    ],
    statuses: [
      (.success, "all lines are written, or left out as the table says"), (.usage, "the command line is wrong"),
      (.malformedInput, "a line or the table is malformed; with --unmapped fail an id is not in the table"),
      (.cannotWrite, "the output cannot be written"), (.cannotRead, "the table or the input cannot be read"),
    ], operands: "MAPPING", manual: manual)
}
