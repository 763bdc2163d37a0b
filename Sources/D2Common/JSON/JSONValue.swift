/// A JSON document in memory, for the small documents of the Web API: system information, metadata pages, import
/// summaries, error bodies. Data values never use it.
///
/// Numbers keep their spelling (they are never converted to a double), and objects keep the order of their keys.
public indirect enum JSONValue: Sendable, Equatable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number as it was spelled.
  case number(String)
  /// A string, unescaped.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object: its members in the order of the text.
  case object([Member])

  /// One key of an object with its value.
  public struct Member: Sendable, Equatable {
    /// The key, unescaped.
    public var key: String
    /// The value.
    public var value: JSONValue

    /// A member of an object.
    public init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }
}

extension JSONValue {
  /// The value of an object's key; the last one if the key occurs twice, as in DHIS2's own parser. `nil` if this is not
  /// an object or has no such key.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.key == key }?.value
  }

  /// The text of a string.
  public var string: String? { if case .string(let text) = self { text } else { nil } }

  /// The text of a string, or the spelling of a number or boolean. DHIS2 and its clients write ids and values as any of
  /// these.
  public var scalarText: String? {
    switch self {
    case .string(let text): text
    case .number(let spelling): spelling
    case .bool(let flag): flag ? "true" : "false"
    case .null, .array, .object: nil
    }
  }

  /// A whole number, even if it is spelled as a string.
  public var int: Int? {
    switch self {
    case .number(let spelling): Int(spelling)
    case .string(let text): Int(text)
    default: nil
    }
  }

  /// A boolean, even if it is spelled as a string (the Python tool's configuration has "true" and "false").
  public var bool: Bool? {
    switch self {
    case .bool(let flag): flag
    case .string("true"): true
    case .string("false"): false
    default: nil
    }
  }

  /// The elements of an array.
  public var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }

  /// The members of an object.
  public var members: [Member]? { if case .object(let members) = self { members } else { nil } }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .number(String(value)) }
  /// A boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object, its keys in the order written.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
  /// `null`.
  public init(nilLiteral: ()) { self = .null }

  /// A whole number.
  public static func int(_ value: Int) -> JSONValue { .number(String(value)) }
  /// A whole number, or `null`.
  public static func int(orNull value: Int?) -> JSONValue { value.map { .int($0) } ?? .null }
  /// A string, or `null`.
  public static func string(orNull text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
}
