/// What readers of all forms hand values on to: documents one after the other, each with its values. What belongs to no
/// document comes in one with nothing at its top.
public protocol ValueSink {
  /// A document begins.
  ///
  /// - Parameter header: what is known of its top before its values.
  mutating func begin(_ header: DocumentHeader) throws
  /// One value. The record and its bytes last until this returns.
  mutating func take(_ value: ValueRecord) throws
  /// One registration of completeness, as JSON that was checked.
  mutating func take(registration: UnsafeRawBufferPointer) throws
  /// The document has ended.
  ///
  /// - Parameter header: all that stands at its top, also after its values.
  mutating func end(_ header: DocumentHeader) throws
}
