import D2Common

/// What the keys, attributes and columns of an input mean, with what the user says of them (`--rename`,
/// `--ignore-columns`).
public struct FieldNames: Sendable {
  /// What a name means.
  public enum Meaning: Equatable, Sendable {
    case field(ValueField)
    /// The user says that it is left out, or it is a name that is written for people.
    case ignored
    /// No name of DHIS2, and the user says nothing of it.
    case unknown
  }

  private let renamed: [String: String]
  private let ignored: Set<String>

  /// Other spellings that DHIS2 itself has: of its documentation's CSV, of 2.24, of dxf 2.0 before `lastUpdated`.
  private static let aliases: [String: ValueField] = [
    "catoptcombo": .categoryOptionCombo, "attroptcombo": .attributeOptionCombo, "timestamp": .lastUpdated,
    "organisationunit": .orgUnit,
  ]
  private static let fields = Dictionary(uniqueKeysWithValues: ValueField.allCases.map { ($0.column, $0) })
  /// What `--names` writes beside an id.
  package static let nameEnding = "name"
  private static let nameColumns = Set(ValueField.allCases.filter(\.isID).map { $0.column + nameEnding })

  /// - Parameters:
  ///   - ignored: names that are left out.
  ///   - renamed: names by those that they stand for.
  public init(ignored: [String] = [], renamed: [String: String] = [:]) {
    self.ignored = Set(ignored.map(Self.plain))
    self.renamed = Dictionary(renamed.map { (Self.plain($0.key), $0.value) }) { $1 }
  }

  /// Whether the user says something else of one of DHIS2's own names than what it means.
  var touchesKeys: Bool { !renamed.isEmpty || !ignored.isEmpty }

  /// Capitals, spaces, dashes and underscores make no difference.
  private static func plain(_ name: String) -> String {
    String(name.lowercased().filter { !" _-\u{A0}".contains($0) })
  }

  /// What a name means.
  public func meaning(of name: String) -> Meaning {
    let plain = Self.plain(name)
    if ignored.contains(plain) { return .ignored }
    let meant = renamed[plain].map(Self.plain) ?? plain
    if let field = Self.fields[meant] ?? Self.aliases[meant] { return .field(field) }
    return Self.nameColumns.contains(meant) ? .ignored : .unknown
  }

  /// Whether a name could be renamed to this.
  package static func isKnown(_ name: String) -> Bool { FieldNames().meaning(of: name) != .unknown }

  /// What is wrong with a name at the top of a document that only values have.
  static func misplaced(_ name: String) -> String {
    "at the top of the document: \(name.quoted) belongs in the values"
  }

  /// What to do about a name that is not known, as the end of a sentence.
  ///
  /// - Parameter kind: `column`, `key` or `attribute`.
  public static func unknown(_ name: String, _ kind: String) -> String {
    let nearest = Suggestion.nearest(to: plain(name), among: ValueField.allCases.map(\.column) + Array(aliases.keys))
    let key = nearest.flatMap { fields[$0] ?? aliases[$0] }?.key ?? "KEY"
    let shown = ShellWord.quoted(name)
    return "unknown \(kind) \(name.quoted): leave it out (--ignore-columns \(shown)) or say what it is "
      + "(--rename \(shown)=\(key))"
  }
}
