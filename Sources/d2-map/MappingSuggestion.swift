import D2Client
import D2Common
import D2Mapping
import D2Store

/// Writes a mapping for a pair: the likely counterpart of each source object. A person must check it.
struct MappingSuggestion {
  static let description = CommandDescription(
    name: "d2-map suggest",
    abstract: "write a mapping for a pair: match the objects of both servers by id, code and name",
    examples: [
      ("d2-map suggest --pair hmis > mapping.csv", "make a table, to check in a spreadsheet"),
      (
        "d2-map suggest --pair hmis --kind dataElement,orgUnit --min-confidence 0.9 > mapping.csv",
        "accept only nearly certain matches"
      ),
      (
        "grep ',?,' mapping.csv",
        "show what you must decide: replace the ? by the destination's id, or by nothing to drop the values"
      ),
    ],
    groups: [
      OptionGroup("What to match", [kind, minConfidence]), PairOptions.group, ServerOptions.transport,
    ],
    statuses: [
      (.success, "every id has a counterpart"), (.incomplete, "some ids are undecided: their target is ?"),
      (.usage, "the command line is wrong"), (.unreachable, "a server cannot be reached"),
      (.temporary, "a server failed after all retries"), (.refused, "credentials or access refused"),
      (.configuration, "there is no such pair, or the store is unusable"),
    ])

  private static let kind = Option(
    "--kind", values: "KIND",
    as: ValueReader(
      "KIND", "one of \(kinds.map(\.name).joined(separator: ", "))", choices: kinds.map(\.name)
    ) { name in
      kinds.first { $0.name == name }
    }, help: "Match only dataElement, orgUnit, categoryOptionCombo, attributeOptionCombo or dataSet (default: all).")
  private static let minConfidence = Option(
    "--min-confidence",
    as: ValueReader("0…1", "a number from 0 to 1") { text in
      Double(text).flatMap { (0...1).contains($0) ? $0 : nil }
    },
    help:
      "Leave less certain matches undecided (default 0): equal ids are 1, codes and options 0.95, names 0.8 to 0.9."
  )

  private static let kinds: [DataValueLine.Key] = [
    .dataElement, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .dataSet,
  ]

  private let kinds: Set<DataValueLine.Key>
  private let leastConfidence: Double
  private let source: DHIS2Client
  private let destination: DHIS2Client
  private let log: Log
  private let output = LineOutput.standardOutput()

  init(_ arguments: Arguments, _ log: Log) throws {
    self.log = log
    let named = arguments[Self.kind]
    kinds = Set(named.isEmpty ? Self.kinds : named)
    leastConfidence = arguments[Self.minConfidence] ?? 0
    let (_, pair) = try PairOptions.open(arguments)
    source = try pair.client(of: .source, arguments, log)
    destination = try pair.client(of: .destination, arguments, log)
  }

  func run() throws -> ExitStatus {
    try output.line("kind,from,to,confidence,by,fromName,toName,candidates")
    var matched = 0
    var undecided = 0
    func write(_ kind: DataValueLine.Key, _ matches: [Counterparts.Match]) throws {
      for match in matches {
        let isSure = match.destination != nil && match.confidence >= leastConfidence
        if isSure { matched += 1 } else { undecided += 1 }
        try output.line(Self.row(kind, match, isSure: isSure))
      }
    }
    if kinds.contains(.dataElement) { try write(.dataElement, matches("dataElements")) }
    if kinds.contains(.orgUnit) {
      try write(.orgUnit, matches("organisationUnits", fields: "parent[id]", hasParents: true))
    }
    if !kinds.isDisjoint(with: [.categoryOptionCombo, .attributeOptionCombo]) {
      let combos = try self.combos()
      if kinds.contains(.categoryOptionCombo) { try write(.categoryOptionCombo, combos.ofCategories) }
      if kinds.contains(.attributeOptionCombo) { try write(.attributeOptionCombo, combos.ofAttributes) }
    }
    if kinds.contains(.dataSet) { try write(.dataSet, matches("dataSets")) }
    try output.flush()
    log.info("\(counted(matched, "id")) matched, \(undecided) undecided (?)")
    return undecided == 0 ? .success : .incomplete
  }

  private func objects(_ client: DHIS2Client, _ plural: String, _ fields: String) throws -> [JSONValue] {
    try MetadataPages(plural, fields: "id,name,code" + (fields.isEmpty ? "" : "," + fields), client).all()
  }

  private func matches(_ plural: String, fields: String = "", hasParents: Bool = false) throws -> [Counterparts.Match] {
    let both = try [source, destination].map { try objects($0, plural, fields).compactMap { MetadataObject($0) } }
    return Counterparts.find(both[0], among: both[1], parents: hasParents ? [:] : nil)
  }

  /// Matches category option combos by their options. Their names contain the options in an order that each server
  /// chooses.
  private func combos() throws -> (ofCategories: [Counterparts.Match], ofAttributes: [Counterparts.Match]) {
    var options: [String: (uid: String, confidence: Double)] = [:]
    for match in try matches("categoryOptions") where match.confidence >= leastConfidence {
      if let destination = match.destination { options[match.source.uid] = (destination.uid, match.confidence) }
    }
    let both = try [source, destination].map { client in
      try objects(client, "categoryOptionCombos", "categoryOptions[id],categoryCombo[dataDimensionType]")
    }
    // The default combo belongs to both kinds.
    func ofKind(_ type: String) -> [Counterparts.Match] {
      let objects = both.map { combos in
        combos.filter { combo in
          let own = combo["categoryCombo"]?["dataDimensionType"]?.string
          return own == nil || own == type || combo["name"]?.string == "default"
        }.compactMap { MetadataObject($0) }
      }
      let matches = Counterparts.find(objects[0], among: objects[1], options: options)
      return matches
    }
    return (ofKind("DISAGGREGATION"), ofKind("ATTRIBUTE"))
  }

  // MARK: Rows

  static func row(_ kind: DataValueLine.Key, _ match: Counterparts.Match, isSure: Bool) -> String {
    let candidates =
      isSure
      ? []
      : (match.destination.map { [($0, match.confidence)] } ?? []) + match.candidates.map { ($0.object, $0.likeness) }
    let shown = candidates.map { "\($0.0.uid) \($0.0.name) (\(Self.shown($0.1)))" }.joined(separator: "; ")
    return [
      kind.name, match.source.uid, isSure ? match.destination!.uid : MappingTable.undecidedTarget,
      Self.shown(isSure ? match.confidence : 0),
      isSure ? match.evidence!.rawValue : "", match.source.name, isSure ? match.destination!.name : "", shown,
    ].map(cell).joined(separator: ",")
  }

  private static func shown(_ number: Double) -> String {
    let hundredths = Int((number * 100).rounded())
    return hundredths >= 100 ? "1" : "0.\(hundredths < 10 ? "0" : "")\(hundredths)"
  }

  /// A cell of CSV. Names come from servers, so a text that a spreadsheet would read as a formula is marked as text.
  static func cell(_ text: String) -> String {
    let text = SpreadsheetText.guarded(String(text.unicodeScalars.filter { $0.value >= 0x20 || $0.value == 0x09 }))
    guard text.contains(where: { $0 == "," || $0 == "\"" || $0 == ";" }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}
