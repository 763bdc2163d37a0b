import D2Common
import Glibc

/// What the attributes of one kind of element mean.
final class AttributeTable {
  enum Meaning: Equatable {
    case field(ValueField)
    /// A category, whose option it holds.
    case category
    case ignored
    case unknown

    init(_ meaning: FieldNames.Meaning) {
      switch meaning {
      case .field(let field): self = .field(field)
      case .ignored: self = .ignored
      case .unknown: self = .unknown
      }
    }
  }

  /// Names beyond these are looked up each time: no data set has so many categories.
  private static let mostKept = 1024

  private var kept: [(name: UnsafeMutablePointer<CChar>, meaning: Meaning)] = []
  private let lookUp: (String) -> Meaning

  /// - Parameter lookUp: what a name means, without its prefix.
  init(_ lookUp: @escaping (String) -> Meaning) { self.lookUp = lookUp }

  deinit { for one in kept { free(one.name) } }

  /// What the attribute means that stands at a place among those of its element: most elements have the same in the
  /// same order.
  @inline(__always)
  func meaning(of name: UnsafePointer<CChar>, at place: Int) -> Meaning {
    if place < kept.count, strcmp(kept[place].name, name) == 0 { return kept[place].meaning }
    return search(name)
  }

  @inline(never)
  private func search(_ name: UnsafePointer<CChar>) -> Meaning {
    if let found = kept.first(where: { strcmp($0.name, name) == 0 }) { return found.meaning }
    let full = String(cString: name)
    let meaning = XMLName.isForReaders(full) ? .ignored : lookUp(XMLName.local(full))
    if kept.count < Self.mostKept, let copy = strdup(name) { kept.append((copy, meaning)) }
    return meaning
  }
}

extension AttributeTable {
  /// Of a value of dxf 2.0.
  static func ofDXF(_ names: FieldNames) -> AttributeTable {
    AttributeTable { Meaning(names.meaning(of: $0)) }
  }

  /// Of a value of ADX: what DHIS2 does not spell exactly as one of its own attributes is a category, unless the user
  /// says what it is.
  static func ofADX(_ names: FieldNames) -> AttributeTable {
    AttributeTable { meaning(inADX: $0, names) }
  }

  /// What an attribute of a value or a group of ADX means, by its name without a prefix.
  static func meaning(inADX name: String, _ names: FieldNames) -> Meaning {
    let said = names.meaning(of: name)
    if said == FieldNames.plain.meaning(of: name) { return fields[name].map(Meaning.field) ?? .category }
    return Meaning(said)
  }

  private static let fields = Dictionary(
    uniqueKeysWithValues: ValueField.allCases.map { ($0.key, $0) } + [("followUp", .followup)])
}

extension FieldNames {
  /// What names mean if the user says nothing.
  fileprivate static let plain = FieldNames()
}

/// Names of elements and attributes, which may have a prefix.
enum XMLName {
  /// Without the prefix.
  static func local(_ name: String) -> String { name.split(separator: ":").last.map(String.init) ?? name }

  /// Without the prefix.
  @inline(__always)
  static func local(_ name: UnsafePointer<CChar>) -> UnsafePointer<CChar> {
    strrchr(name, CInt(UInt8(ascii: ":"))).map { UnsafePointer($0) + 1 } ?? name
  }

  /// Whether an attribute says how XML is to be read, and nothing of the data: namespaces, schemas, `xml:space`.
  static func isForReaders(_ name: String) -> Bool {
    name == "xmlns" || ["xmlns:", "xml:", "xsi:"].contains { name.hasPrefix($0) }
  }
}
