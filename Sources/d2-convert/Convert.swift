import D2Client
import D2Common
import D2Convert
import D2Store

/// Converts files of data values to lines, and lines to files.
package struct Convert: ToolkitCommand {
  package static let name = "d2-convert"
  package static let abstract =
    "turn files of data values into lines for d2-push, and lines into files: JSON, CSV, XML, sheets"

  static let description = CommandDescription(
    name: name, abstract: abstract,
    examples: [
      (
        "d2-convert export.json | d2-push --pair hmis --rejects rejects.ndjson",
        "send a file that a browser saved from DHIS2"
      ),
      (
        "d2-convert sheet.csv --period-type Monthly | d2-push --pair hmis --dry-run",
        "check a table from Excel, which turned its periods into dates"
      ),
      (
        "d2-pull --pair hmis -y 2024 -q 1 | d2-convert --to csv --names --pair hmis > quarter.csv",
        "write a quarter for a spreadsheet, with names beside the ids"
      ),
      (
        "d2-convert --wide orgUnit×dataElement --period 202401 --pair hmis sheet.csv | d2-push --pair hmis",
        "send a sheet with a facility in each row and a data element in each column, by their names"
      ),
    ],
    groups: [input, values, output, lookup, PairOptions.group, ServerOptions.group(.source), ServerOptions.transport],
    statuses: [
      (.success, "all values are written"), (.usage, "the command line is wrong"),
      (.malformedInput, "an input is malformed, or has something unknown; everything before it is written"),
      (.unreachable, "the server that has the names cannot be reached"),
      (.cannotWrite, "the output cannot be written"), (.cannotRead, "an input cannot be read"),
      (.temporary, "the server that has the names failed after all retries"),
      (.refused, "credentials or access refused"), (.configuration, "there is no such pair, or the store is unusable"),
    ], operands: "[FILE …]", manual: manual)

  // MARK: Options

  static let from = Option(
    "--from", as: .one(of: InputForm.self),
    help: "Read the input as this (default: recognise it by its content, never by its name).")
  static let encoding = Option(
    "--encoding", value: "NAME",
    help: "Read text in this encoding: windows-1252, utf-16, … (default: UTF-8, or what its first bytes say).")
  static let separator = Option(
    "--separator", as: ValueReader("C", "one character, or tab") { ConvertOptions.separator($0) },
    help: "Split the cells of a table at this character (default: found in the first row).")
  static let noHeader = Flag(
    "--no-header",
    help: "Read the first row of a table as a value; the columns are those of DHIS2's CSV, in their order.")
  static let ignoreColumns = Option(
    "--ignore-columns", values: "NAME", help: "Leave out these unknown columns, keys or attributes.")
  static let rename = Option(
    "--rename", values: "OLD=NEW",
    as: ValueReader("OLD=NEW", "a name of the input, = and a key of a data value") { ConvertOptions.renaming($0) },
    help: "Read a column, key or attribute as another one.")
  static let periodType = Option(
    "--period-type", value: "TYPE", as: .one(of: PeriodType.self),
    help:
      "Read dates in the place of periods as periods of this type: Monthly, Weekly, … (spreadsheets turn 202401 into Jan-24)."
  )
  static let decimalComma = Flag("--decimal-comma", help: "Read 12,5 as the number 12.5.")
  static let wide = Option(
    "--wide", as: ValueReader("ROWS×COLUMNS", "such as orgUnit×dataElement (or orgUnit,dataElement)") { WideShape($0) },
    help: "Read a sheet with a value in each cell, and with these in its rows and columns; with --to csv, write one.")
  static let input = OptionGroup(
    "Input",
    [from, encoding, separator, noHeader, ignoreColumns, rename, periodType, decimalComma, wide])

  static let asOf = Option(
    "--as-of", as: .one(of: ConversionRules.Version.self),
    help:
      "Decide as this version if a value and the top of its document differ: 2.42 uses the top, 2.43 the value (default)."
  )
  static let constants: [(ValueField, Option<String?>)] = [
    (.dataElement, constant("--data-element")), (.period, constant("--period")), (.orgUnit, constant("--org-unit")),
    (.categoryOptionCombo, constant("--category-option-combo")),
    (.attributeOptionCombo, constant("--attribute-option-combo")), (.dataSet, constant("--data-set")),
  ]
  static let values = OptionGroup("Values", [asOf] + constants.map(\.1))

  static let to = Option(
    "--to", as: .one(of: Conversion.OutputForm.self),
    help: "Write ndjson (a value a line; default), csv (as DHIS2 imports it) or document (one data value set).")
  static let names = Flag(
    "--names",
    help: "Write a column of names beside each id (needs --pair or --url); d2-convert skips them when it reads.")
  static let columns = Option(
    "--columns", values: "NAME", as: ValueReader("NAME", "created or dataSet") { ConvertOptions.additional($0) },
    help: "Write these columns after those of DHIS2's CSV: created, dataSet.")
  static let registrations = Option(
    "--registrations", value: "FILE",
    help: "Write the completeDate of documents to FILE, as registrations of completeness.")
  static let output = OptionGroup("Output", [to, names, columns, registrations])

  static let lookup = OptionGroup("Where to look up names and codes", [PairSide.option])

  private static func constant(_ name: String) -> Option<String?> {
    Option(name, value: "ID", help: "Use this for values that lack it.")
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
    DHIS2. It recognises an input by its content: JSON (a value a line, arrays, whole data value sets, registrations \
    of completeness), CSV (of DHIS2, of spreadsheets), dxf 2.0 and ADX. Each of these may be in gzip or zip. \
    d2-convert reads several files one after the other; without a file, it reads standard input.
    """,
    """
    Nothing is left out silently. An unknown column, key or attribute ends the command with status 65 and a message \
    that names it. `--ignore-columns` leaves it out, and `--rename` says what it is. For malformed input the message \
    has the line and column, and nothing after that place is read. Values keep their spelling; numbers, true and false \
    in JSON become texts.
    """,
    """
    The top of a data value set may hold `dataSet`, `period`, `orgUnit` and `attributeOptionCombo`: they go into the \
    values that lack them. If it holds id schemes, a message on standard error names them, with the options of \
    d2-push(1) that they need. A `completeDate` goes to `--registrations`, or a message says that it was left out.
    """,
    """
    Spreadsheets turn periods into dates (`Jan-24`) and write numbers with a comma. Such dates end the command unless \
    `--period-type` gives the type of the periods. Commas stay unless you give `--decimal-comma`.
    """,
  ])
}
