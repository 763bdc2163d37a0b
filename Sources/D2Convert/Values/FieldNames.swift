import D2Common

/// The meanings of the keys, attributes and columns of an input, including the user's options (`--rename`,
/// `--ignore-columns`).
public struct FieldNames: Sendable {
  /// The meaning of a name.
  public enum Meaning: Equatable, Sendable {
    case field(ValueField)
    /// The user ignores it, or it is a name for people only.
    case ignored
    /// Not a DHIS2 name, and not in the user's options.
    case unknown
  }

  private let renamed: [String: String]
  private let ignored: Set<String>

  /// Other spellings from DHIS2 itself: the CSV in its documentation, 2.24, and dxf 2.0 before `lastUpdated`.
  private static let aliases: [String: ValueField] = [
    "catoptcombo": .categoryOptionCombo, "attroptcombo": .attributeOptionCombo, "timestamp": .lastUpdated,
    "organisationunit": .orgUnit,
  ]
  private static let fields = Dictionary(uniqueKeysWithValues: ValueField.allCases.map { ($0.column, $0) })
  /// The ending of the columns that `--names` writes beside ids.
  package static let nameEnding = "name"
  private static let nameColumns = Set(ValueField.allCases.filter(\.isID).map { $0.column + nameEnding })

  /// - Parameters:
  ///   - ignored: names to leave out.
  ///   - renamed: the key for each name.
  public init(ignored: [String] = [], renamed: [String: String] = [:]) {
    self.ignored = Set(ignored.map(Self.plain))
    self.renamed = Dictionary(renamed.map { (Self.plain($0.key), $0.value) }) { $1 }
  }

  /// Whether the user gives one of DHIS2's own names another meaning.
  var touchesKeys: Bool { !renamed.isEmpty || !ignored.isEmpty }

  /// Normalises a name: capitals, spaces, dashes and underscores make no difference.
  private static func plain(_ name: String) -> String {
    String(name.lowercased().filter { !" _-\u{A0}".contains($0) })
  }

  /// The meaning of a name.
  public func meaning(of name: String) -> Meaning {
    let plain = Self.plain(name)
    if ignored.contains(plain) { return .ignored }
    let meant = renamed[plain].map(Self.plain) ?? plain
    if let field = Self.fields[meant] ?? Self.aliases[meant] { return .field(field) }
    return Self.nameColumns.contains(meant) ? .ignored : .unknown
  }

  /// Whether a name is a possible target of `--rename`.
  package static func isKnown(_ name: String) -> Bool { FieldNames().meaning(of: name) != .unknown }

  /// The problem with a name at the top of a document that only values have.
  static func misplaced(_ name: String) -> String {
    "at the top of the document: \(name.quoted) belongs in the values"
  }

  /// The advice for an unknown name, as the end of a sentence.
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
