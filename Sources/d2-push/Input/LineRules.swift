import D2Client
import D2Common

/// Checks what a line must contain to be sent. A key whose value is of an unexpected kind is worse than a wrong value.
/// Up to 2.42, the server's parser loses its position over an object or array, and refuses the neighbour instead. Later
/// versions answer 500 to the whole request, or silently use the default option combo (docs/dhis2-servers.md, traps 26
/// and 27).
struct LineRules: Sendable {
  private let isDataValues: Bool
  /// From 2.43 on a combo may be an object of categories and their options, if the request names the data set
  /// (docs/dhis2-servers.md, trap 26).
  private let readsOptions: Bool
  private let dataSetIsNamed: Bool
  private let nullComboIsDefault: Bool
  private let required: DataValueLine.KeySet
  private let combos: DataValueLine.KeySet

  private static let idsOfValue: [DataValueLine.Key] = [.dataElement, .period, .orgUnit]
  private static let idsOfRegistration: [DataValueLine.Key] = [.dataSet, .period, .organisationUnit]
  private let flags = DataValueLine.KeySet(.deleted, .followup, .followUp)

  init(_ options: PushOptions, _ server: DestinationTraits) {
    isDataValues = options.kind == .dataValues
    readsOptions = server.failsWholeGroups && isDataValues
    dataSetIsNamed = options.dataSet != nil
    nullComboIsDefault = options.nullComboIsDefault
    required =
      isDataValues
      ? DataValueLine.KeySet(.dataElement, .period, .orgUnit)
      : DataValueLine.KeySet(.dataSet, .period, .organisationUnit)
    combos =
      isDataValues
      ? DataValueLine.KeySet(.categoryOptionCombo, .attributeOptionCombo) : DataValueLine.KeySet(.attributeOptionCombo)
  }

  /// Checks a line. Nearly all lines pass the first test: their ids are texts, their combos too if present, and their
  /// flags are flags.
  @inline(__always)
  func check(_ line: DataValueLine) throws(DataValueLine.Fault) {
    let keys = line.keys
    let mayBeWrong = flags.subtracting(keys.flags).union(combos.subtracting(keys.filled))
    let isUsual =
      keys.filled.contains(required) && keys.present.isDisjoint(with: mayBeWrong) && keys.nested.isEmpty
      && keys.repeated.isEmpty
    if !isUsual { try checkEach(line) }
  }

  @inline(never)
  private func checkEach(_ line: DataValueLine) throws(DataValueLine.Fault) {
    for key in isDataValues ? Self.idsOfValue : Self.idsOfRegistration { try checkID(line, key) }
    try checkCombos(line)
    try checkNested(line)
    if let key = line.keys.repeated.first { throw .init("the key \"\(key.name)\" is there twice") }
    for key in [DataValueLine.Key.deleted, .followup, .followUp] { try checkFlag(line, key) }
  }

  private func checkID(_ line: DataValueLine, _ key: DataValueLine.Key) throws(DataValueLine.Fault) {
    let field = line[key]
    switch field.kind {
    case .absent: throw .init(ForeignInput.document(in: line) ?? "no \"\(key.name)\"")
    case .null: throw .init("\"\(key.name)\" is null")
    case .object, .array, .boolean: throw .init("\"\(key.name)\" is \(Self.name(field.kind)), not an id")
    case .string where field.length == 0: throw .init("\"\(key.name)\" is empty")
    default: break
    }
  }

  // MARK: Option combos

  /// Checks that each combo is an id or is missing. If it is missing, the server uses the default one.
  private func checkCombos(_ line: DataValueLine) throws(DataValueLine.Fault) {
    let keys: [DataValueLine.Key] =
      isDataValues ? [.categoryOptionCombo, .attributeOptionCombo] : [.attributeOptionCombo]
    // Up to 2.42 the server reads an empty text as null (docs/dhis2-servers.md, "Imports").
    let missing = keys.filter { line[$0].kind == .null || line[$0].kind == .string && line[$0].length == 0 }
    if !missing.isEmpty, !nullComboIsDefault { throw .init(Self.missingCombo(missing, line)) }
    for key in keys {
      let kind = line[key].kind
      if kind == .array || kind == .boolean { throw .init("\"\(key.name)\" is \(Self.name(kind)), not an id") }
      guard kind == .object else { continue }
      guard readsOptions else {
        throw .init(
          "\"\(key.name)\" is an object: only servers from 2.43 on read category options; send the combo's id")
      }
      guard dataSetIsNamed || line[.dataSet].kind == .string else {
        throw .init("\"\(key.name)\" is an object: the server reads category options only with --data-set")
      }
    }
  }

  private static func missingCombo(_ keys: [DataValueLine.Key], _ line: DataValueLine) -> String {
    let names = keys.map { "\"\($0.name)\"" }.joined(separator: " and ")
    let kinds = Set(keys.map { line[$0].kind == .null ? "null" : "empty" }).sorted().joined(separator: " or ")
    return
      "\(names) \(keys.count == 1 ? "is" : "are") \(kinds), and a server would store the value under the default combo: "
      + "\(DataValueLine.combosByUID), or give --null-combo default if that is right"
  }

  /// The options of a combo in a fixed order, so that two spellings of one combo give one key.
  static func canonical(_ object: UnsafeRawBufferPointer) -> [UInt8] {
    guard let members = (try? JSONValue(parsing: object))?.members else { return Array(object) }
    return Array(JSONValue.object(members.sorted { $0.key < $1.key }).text.utf8)
  }

  // MARK: Other keys

  private static let texts: [DataValueLine.Key] = [
    .value, .comment, .storedBy, .created, .lastUpdated, .date, .dataSet, .deleted, .followup, .followUp, .completed,
  ]

  private func checkNested(_ line: DataValueLine) throws(DataValueLine.Fault) {
    for key in Self.texts where line[key].kind == .object || line[key].kind == .array {
      throw .init("\"\(key.name)\" is \(Self.name(line[key].kind)), not a text or a number")
    }
  }

  /// Checks that a flag is true, false or null, also as a text. Servers up to 2.42 accept such texts, and
  /// `ValueRewriter` respells them for later ones. Anything else fails the whole request.
  private func checkFlag(_ line: DataValueLine, _ key: DataValueLine.Key) throws(DataValueLine.Fault) {
    switch line[key].kind {
    case .absent, .boolean, .null: return
    case .string where ["true", "false", ""].contains(line.text(key) ?? ""): return
    default: throw .init("\"\(key.name)\" is neither true nor false")
    }
  }

  private static func name(_ kind: DataValueLine.Kind) -> String {
    switch kind {
    case .object: "an object"
    case .array: "an array"
    case .boolean: "true or false"
    case .number: "a number"
    case .string: "a text"
    case .absent, .null: "null"
    }
  }
}
