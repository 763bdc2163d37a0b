/// Finds the names and ids of a server's objects.
public protocol IDLookup: AnyObject {
  /// The id of the object with this id, code or name.
  ///
  /// - Throws: `LookupFault` if there is no such object, or more than one.
  func id(of text: String, _ field: ValueField) throws(LookupFault) -> String

  /// The name of an object; `nil` if it is not known.
  func name(of id: String, _ field: ValueField) -> String?
}

/// Why a name could not be resolved, as the end of a sentence.
public struct LookupFault: Error, Sendable, CustomStringConvertible {
  /// The text of the fault, with a suggestion if there is one.
  public let description: String

  /// A fault with this text.
  public init(_ description: String) { self.description = description }
}
