import D2Common
import Glibc

/// The meanings of the attributes of one kind of element.
final class AttributeTable {
  enum Meaning: Equatable {
    case field(ValueField)
    /// A category; the attribute contains the option.
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

  /// The table stores this many names, and looks up others each time. No data set has so many categories.
  private static let mostKept = 1024

  private var kept: [(name: UnsafeMutablePointer<CChar>, meaning: Meaning)] = []
  private let lookUp: (String) -> Meaning

  /// - Parameter lookUp: returns the meaning of a name without its prefix.
  init(_ lookUp: @escaping (String) -> Meaning) { self.lookUp = lookUp }

  deinit { for one in kept { free(one.name) } }

  /// The meaning of the attribute at an index in its element. Most elements have the same attributes in the same order.
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
  /// The table for a dxf 2.0 value.
  static func ofDXF(_ names: FieldNames) -> AttributeTable {
    AttributeTable { Meaning(names.meaning(of: $0)) }
  }

  /// The table for an ADX value. An attribute that DHIS2 does not spell exactly like one of its own is a category,
  /// unless the user gives it a meaning.
  static func ofADX(_ names: FieldNames) -> AttributeTable {
    AttributeTable { meaning(inADX: $0, names) }
  }

  /// The meaning of an attribute of an ADX value or group, by its name without a prefix.
  static func meaning(inADX name: String, _ names: FieldNames) -> Meaning {
    let said = names.meaning(of: name)
    if said == FieldNames.plain.meaning(of: name) { return fields[name].map(Meaning.field) ?? .category }
    return Meaning(said)
  }

  private static let fields = Dictionary(
    uniqueKeysWithValues: ValueField.allCases.map { ($0.key, $0) } + [("followUp", .followup)])
}

extension FieldNames {
  /// The meanings of names without any options of the user.
  fileprivate static let plain = FieldNames()
}

/// Names of elements and attributes, which may have a prefix.
enum XMLName {
  /// The name without its prefix.
  static func local(_ name: String) -> String { name.split(separator: ":").last.map(String.init) ?? name }

  /// The name without its prefix.
  @inline(__always)
  static func local(_ name: UnsafePointer<CChar>) -> UnsafePointer<CChar> {
    strrchr(name, CInt(UInt8(ascii: ":"))).map { UnsafePointer($0) + 1 } ?? name
  }

  /// Whether an attribute is for XML readers and not data: namespaces, schemas, `xml:space`.
  static func isForReaders(_ name: String) -> Bool {
    name == "xmlns" || ["xmlns:", "xml:", "xsi:"].contains { name.hasPrefix($0) }
  }
}
