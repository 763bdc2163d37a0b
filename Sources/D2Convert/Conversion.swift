import D2Common

/// One run of d2-convert: reads all inputs, whatever their forms, and writes their values in one.
package struct Conversion {
  /// The forms that values are written in.
  package enum OutputForm: String, CaseIterable, Sendable {
    /// A value a line.
    case ndjson
    /// DHIS2's CSV.
    case csv
    /// One data value set.
    case document
  }

  /// Files; `-` is standard input.
  package var inputs = ["-"]
  /// What they are, if it is not to be recognised.
  package var from: InputForm?
  /// Their encoding, if it is not to be recognised.
  package var encoding: String?
  /// What their keys and columns mean.
  package var names = FieldNames()
  /// How their tables are written.
  package var csv = CSVOptions()
  /// What is said of their values.
  package var rules = ConversionRules()
  /// The shape of sheets that are read; `nil` for tables with a row for each value.
  package var wideIn: WideShape?
  /// The shape of the sheet that is written.
  package var wideOut: WideShape?
  /// What is written.
  package var to = OutputForm.ndjson
  /// Whether a column of names stands beside each id.
  package var hasNames = false
  /// Columns of CSV after those of DHIS2.
  package var additionalColumns: [ValueField] = []
  /// Where registrations of documents that were completed go.
  package var registrationsPath: String?
  /// Knows ids by their names, and names by their ids.
  package var lookup: (any IDLookup)?

  /// Values from standard input, as lines.
  package init() {}

  /// Converts all, and says what was done. What was right before a fault is written.
  ///
  /// - Throws: `CommandFailure`: 65 for malformed input, 74 if it cannot be read, 73 where the output cannot be
  ///   written.
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
