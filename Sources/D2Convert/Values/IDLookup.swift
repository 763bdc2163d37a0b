/// What objects are called, as a server knows them.
public protocol IDLookup: AnyObject {
  /// The id of what a person calls by its id, code or name.
  ///
  /// - Throws: `LookupFault` if nothing, or more than one thing, is called so.
  func id(of text: String, _ field: ValueField) throws(LookupFault) -> String

  /// The name of an object; `nil` if it is not known.
  func name(of id: String, _ field: ValueField) -> String?
}

/// Why a name means nothing, as the end of a sentence.
public struct LookupFault: Error, Sendable, CustomStringConvertible {
  /// With what it may have meant.
  public let description: String

  /// A fault in these words.
  public init(_ description: String) { self.description = description }
}
