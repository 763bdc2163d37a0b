import D2Client
import D2Common
import D2Convert
import D2Store

/// The options of the command line.
struct ConvertOptions {
  let arguments: Arguments
  let log: Log

  /// - Throws: `CommandFailure`: 64 for options that exclude each other; errors of the server that knows the names.
  func conversion() throws -> Conversion {
    var conversion = Conversion()
    if !arguments.operands.isEmpty { conversion.inputs = arguments.operands }
    conversion.from = arguments[Convert.from]
    conversion.encoding = arguments[Convert.encoding]
    conversion.names = FieldNames(
      ignored: arguments[Convert.ignoreColumns],
      renamed: Dictionary(arguments[Convert.rename].map { ($0.old, $0.new) }) { $1 })
    conversion.csv.separator = arguments[Convert.separator]
    conversion.csv.hasHeader = !arguments[Convert.noHeader]
    conversion.csv.hasDecimalCommas = arguments[Convert.decimalComma]
    conversion.csv.periodType = arguments[Convert.periodType]
    conversion.rules.asOf = arguments[Convert.asOf] ?? .from43
    conversion.to = arguments[Convert.to] ?? .ndjson
    conversion.additionalColumns = arguments[Convert.columns]
    conversion.registrationsPath = arguments[Convert.registrations]
    conversion.hasNames = arguments[Convert.names]
    try takeShape(&conversion)
    try takeLookup(&conversion)
    try takeConstants(&conversion)
    return conversion
  }

  /// Applies `--wide` to the input, or with `--to csv` to the output.
  private func takeShape(_ conversion: inout Conversion) throws {
    let shape = arguments[Convert.wide]
    if conversion.to == .csv { conversion.wideOut = shape } else { conversion.wideIn = shape }
    let isTable = conversion.to == .csv
    try CommandFailure.require(isTable || !conversion.hasNames, "--names goes with --to csv")
    try CommandFailure.require(isTable || conversion.additionalColumns.isEmpty, "--columns goes with --to csv")
    try CommandFailure.require(shape == nil || !arguments[Convert.noHeader], "--wide needs a first row with names")
  }

  private func takeLookup(_ conversion: inout Conversion) throws {
    let isNamed = arguments.has(PairOptions.pair) || arguments.has(ServerOptions.address)
    guard isNamed else {
      return try CommandFailure.require(
        !conversion.hasNames, "--names needs to know whose names: give --pair or --url")
    }
    let side = arguments[PairSide.option] ?? .source
    let server: ServerOptions
    if arguments.has(PairOptions.pair) {
      server = try ServerOptions(arguments, log, side.server(of: PairOptions.open(arguments).pair))
    } else {
      server = try ServerOptions(arguments, log, side: side)
    }
    let names = ServerNames(DHIS2Client(server, log))
    if conversion.hasNames { try names.readAll() }
    conversion.lookup = names
  }

  private func takeConstants(_ conversion: inout Conversion) throws {
    let ids = IDReader(lookup: conversion.lookup, periodType: conversion.csv.periodType)
    for (field, option) in Convert.constants {
      guard let text = arguments[option] else { continue }
      do throws(LookupFault) { conversion.rules.constants[field] = try ids.id(of: text, field) } catch {
        throw CommandFailure(.usage, "\(option.name): \(error)")
      }
    }
  }

  // MARK: Readers of option values

  static func separator(_ text: String) -> UInt8? {
    if text == "tab" || text == "\\t" { return 0x09 }
    return text.utf8.count == 1 && text != "\"" ? text.utf8.first : nil
  }

  static func renaming(_ text: String) -> (old: String, new: String)? {
    guard let equals = text.lastIndex(of: "="), equals != text.startIndex else { return nil }
    let new = String(text[text.index(after: equals)...])
    return FieldNames.isKnown(new) ? (String(text[..<equals]), new) : nil
  }

  static func additional(_ text: String) -> ValueField? {
    [ValueField.created, .dataSet].first { $0.column == text.lowercased() }
  }
}
