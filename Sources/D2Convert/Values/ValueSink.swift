/// Receives the values from the readers of all forms: one document after another, each with its values. Values without
/// a document come in one with an empty header.
public protocol ValueSink {
  /// A document begins.
  ///
  /// - Parameter header: the part of its top that is known before its values.
  mutating func begin(_ header: DocumentHeader) throws
  /// Receives one value. The record and its bytes are valid until this returns.
  mutating func take(_ value: ValueRecord) throws
  /// Receives one registration of completeness, as JSON that was checked.
  mutating func take(registration: UnsafeRawBufferPointer) throws
  /// The document has ended.
  ///
  /// - Parameter header: its complete top, including what came after its values.
  mutating func end(_ header: DocumentHeader) throws
}
