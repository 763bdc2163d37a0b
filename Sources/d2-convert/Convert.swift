import D2Client
import D2Common
import D2Convert
import D2Store

/// Turns files of data values into lines, and lines into files.
package struct Convert: ToolkitCommand {
  package static let name = "d2-convert"
  package static let abstract =
    "turn files of data values into lines for d2-push, and lines into files: JSON, CSV, XML, sheets"

  static let description = CommandDescription(
    name: name, abstract: abstract,
    examples: [
      ("d2-convert export.json | d2-push --pair hmis --rejects rejects.ndjson", "what a browser saved from DHIS2"),
      (
        "d2-convert sheet.csv --period-type Monthly | d2-push --pair hmis --dry-run",
        "a table that Excel saved, whose periods it made dates of"
      ),
      (
        "d2-pull --pair hmis -y 2024 -q 1 | d2-convert --to csv --names --pair hmis > quarter.csv",
        "a quarter for a spreadsheet, with names beside the ids"
      ),
      (
        "d2-convert --wide orgUnit×dataElement --period 202401 --pair hmis sheet.csv | d2-push --pair hmis",
        "a sheet with a facility in each row and a data element in each column, by their names"
      ),
    ],
    groups: [input, values, output, lookup, PairOptions.group, ServerOptions.group(.source), ServerOptions.transport],
    statuses: [
      (.success, "all values are written"), (.usage, "the command line is wrong"),
      (.malformedInput, "an input is malformed, or has something that is not known; what stood before it is written"),
      (.unreachable, "the server of the names cannot be reached"),
      (.cannotWrite, "the output cannot be written"), (.cannotRead, "an input cannot be read"),
      (.temporary, "the server of the names failed after all retries"),
      (.refused, "credentials or access refused"), (.configuration, "no such pair, or a bad store"),
    ], operands: "[FILE …]", manual: manual)

  // MARK: Options

  static let from = Option(
    "--from", as: .one(of: InputForm.self), help: "What the input is; by default it is recognised, never by its name.")
  static let encoding = Option(
    "--encoding", value: "NAME",
    help: "How the text is encoded (windows-1252, utf-16, …); by default UTF-8, or what its first bytes say.")
  static let separator = Option(
    "--separator", as: ValueReader("C", "one character, or tab") { ConvertOptions.separator($0) },
    help: "What stands between the cells of a table (default: found by the first row).")
  static let noHeader = Flag(
    "--no-header", help: "The first row of a table is a value: the columns are those of DHIS2's CSV, in their order.")
  static let ignoreColumns = Option(
    "--ignore-columns", values: "NAME", help: "Leave out columns, keys or attributes that are not known.")
  static let rename = Option(
    "--rename", values: "OLD=NEW",
    as: ValueReader("OLD=NEW", "a name of the input, = and a key of a data value") { ConvertOptions.renaming($0) },
    help: "Read a column, key or attribute as another one.")
  static let periodType = Option(
    "--period-type", value: "TYPE", as: .one(of: PeriodType.self),
    help:
      "Read dates in the place of periods as periods of this type: Monthly, Weekly, … (a spreadsheet makes Jan-24 of 202401)."
  )
  static let decimalComma = Flag("--decimal-comma", help: "Read 12,5 as the number 12.5.")
  static let wide = Option(
    "--wide", as: ValueReader("ROWS×COLUMNS", "such as orgUnit×dataElement (or orgUnit,dataElement)") { WideShape($0) },
    help: "The sheet has a value in each cell, with these in its rows and columns; with --to csv it is written so.")
  static let input = OptionGroup(
    "Input",
    [from, encoding, separator, noHeader, ignoreColumns, rename, periodType, decimalComma, wide])

  static let asOf = Option(
    "--as-of", as: .one(of: ConversionRules.Version.self),
    help:
      "What counts if a value and the top of its document differ: 2.42 takes the top, 2.43 the value's own (default).")
  static let constants: [(ValueField, Option<String?>)] = [
    (.dataElement, constant("--data-element")), (.period, constant("--period")), (.orgUnit, constant("--org-unit")),
    (.categoryOptionCombo, constant("--category-option-combo")),
    (.attributeOptionCombo, constant("--attribute-option-combo")), (.dataSet, constant("--data-set")),
  ]
  static let values = OptionGroup("Values", [asOf] + constants.map(\.1))

  static let to = Option(
    "--to", as: .one(of: Conversion.OutputForm.self),
    help: "ndjson: a value a line (default); csv: as DHIS2 imports it; document: one data value set.")
  static let names = Flag(
    "--names", help: "Write a column of names beside each id; reading leaves them out. Needs --pair or --url.")
  static let columns = Option(
    "--columns", values: "NAME", as: ValueReader("NAME", "created or dataSet") { ConvertOptions.additional($0) },
    help: "Write these columns behind those of DHIS2's CSV: created, dataSet.")
  static let registrations = Option(
    "--registrations", value: "FILE",
    help: "Write the completeDate of documents there, as registrations of completeness.")
  static let output = OptionGroup("Output", [to, names, columns, registrations])

  static let lookup = OptionGroup("Where names and codes are looked up", [PairSide.option])

  private static func constant(_ name: String) -> Option<String?> {
    Option(name, value: "ID", help: "For values that do not say it themselves.")
  }

  // MARK: Running

  package static func main(_ words: [String]) async -> Never {
    await Command.main(description, words) { arguments, log in
      let conversion = try ConvertOptions(arguments: arguments, log: log).conversion()
      let counts = try conversion.run()
      ConvertReport(counts: counts, conversion: conversion).say(log)
      return .success
    }
  }

  private static let manual = Manual([
    """
    Reads data values in the forms that people have them in, and writes them as lines, as CSV or as a document of \
    DHIS2. It recognises what an input is by its content: JSON (a value a line, arrays, whole data value sets, \
    registrations of completeness), CSV (of DHIS2, of spreadsheets), dxf 2.0 and ADX; each of these also in gzip or \
    zip. Several files are read one after the other; without one, standard input is.
    """,
    """
    Nothing is left out silently. A column, key or attribute that is not known ends the command with status 65 and is \
    named; `--ignore-columns` leaves it out and `--rename` says what it is. Malformed input is named by line and \
    column, and nothing behind it is read. Values keep their spelling; numbers, true and false in JSON become texts.
    """,
    """
    What stands at the top of a data value set (`dataSet`, `period`, `orgUnit`, `attributeOptionCombo`) goes into the \
    values that lack it. Id schemes that stand there are named on standard error, with the options of d2-push(1) that \
    they need. A `completeDate` goes to `--registrations`, or a line says that it was left out.
    """,
    """
    Spreadsheets turn periods into dates (`Jan-24`) and write numbers with a comma. Such dates end the command unless \
    `--period-type` says of which type the periods are; commas stay unless `--decimal-comma` is given.
    """,
  ])
}
