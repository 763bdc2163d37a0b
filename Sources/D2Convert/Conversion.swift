import D2Common

/// One run of d2-convert: reads all inputs, in any form, and writes their values in one form.
package struct Conversion {
  /// The output forms.
  package enum OutputForm: String, CaseIterable, Sendable {
    /// One value on each line.
    case ndjson
    /// DHIS2's CSV.
    case csv
    /// One data value set.
    case document
  }

  /// Files; `-` is standard input.
  package var inputs = ["-"]
  /// The form of the inputs; detected if `nil`.
  package var from: InputForm?
  /// The encoding of the inputs; detected if `nil`.
  package var encoding: String?
  /// The meanings of keys and columns.
  package var names = FieldNames()
  /// The format of tables.
  package var csv = CSVOptions()
  /// The rules for the values.
  package var rules = ConversionRules()
  /// The shape of wide input sheets; `nil` for tables with a row for each value.
  package var wideIn: WideShape?
  /// The shape of the wide output sheet.
  package var wideOut: WideShape?
  /// The output form.
  package var to = OutputForm.ndjson
  /// Whether to write a column of names beside each id column.
  package var hasNames = false
  /// Further CSV columns after those of DHIS2.
  package var additionalColumns: [ValueField] = []
  /// The file for registrations of completed documents.
  package var registrationsPath: String?
  /// Finds ids by names, and names by ids.
  package var lookup: (any IDLookup)?

  /// A conversion from standard input to lines.
  package init() {}

  /// Converts all inputs, and returns the counts. It writes everything that precedes a fault.
  ///
  /// - Throws: `CommandFailure`: 65 for malformed input, 74 if it cannot be read, 73 if the output cannot be written.
  package func run(_ output: LineOutput = .standardOutput()) throws -> ConversionCounts {
    let writer = writer(output)
    let completions = try registrationsPath.map { try CompletionFile($0) }
    var assembler = ValueAssembler(writer, rules, completions: completions)
    do {
      for path in inputs { try convert(InputTexts(path, encoding: encoding), into: &assembler) }
    } catch {
      try? writer.flush()
      try? output.finish()
      throw error
    }
    try writer.finish(&assembler.counts)
    try completions?.finish()
    return assembler.counts
  }

  private func writer(_ output: LineOutput) -> any ValueWriter {
    let names = hasNames ? lookup : nil
    if let wideOut { return WideWriter(output, wideOut, names: names) }
    switch to {
    case .ndjson: return JSONValueWriter(output, isDocument: false)
    case .document: return JSONValueWriter(output, isDocument: true)
    case .csv: return CSVValueWriter(output, additional: additionalColumns, names: names)
    }
  }

  private func convert(_ texts: InputTexts, into assembler: inout ValueAssembler) throws {
    while let text = try texts.next() {
      assembler.inputName = text.name
      let window = TextWindow(text)
      guard let form = try from ?? InputForm.recognise(window) else { continue }
      switch form {
      case .json, .ndjson, .document:
        let ahead = try JSONReader.beginsWithDocument(window) ? texts.again().map { TextWindow($0) } : nil
        try JSONReader(window, ahead: ahead, names).read(into: &assembler)
      case .xml, .adx:
        let reader = XMLReader(names, isUTF8: text.isCertain)
        try reader.read(window, into: &assembler)
        if reader.usesCodes { assembler.counts.idSchemes["idScheme"] = "CODE" }
      case .csv:
        let numbers = DecimalCommas(areRead: csv.hasDecimalCommas)
        if let wideIn {
          try WideReader(window, names, csv, numbers, wideIn, lookup).read(into: &assembler)
        } else {
          try CSVReader(window, names, csv, numbers, given: Set(rules.constants.keys)).read(into: &assembler)
        }
        assembler.counts.decimalCommas += numbers.left
      }
    }
  }
}
