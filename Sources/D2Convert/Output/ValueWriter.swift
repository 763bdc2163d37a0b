/// Writes values in a form.
public protocol ValueWriter: AnyObject {
  /// One value, all of whose cells are checked.
  func write(_ value: ValueRecord, _ counts: inout ConversionCounts) throws
  /// One registration of completeness, as JSON.
  func write(registration: UnsafeRawBufferPointer) throws
  /// Writes what was gathered so far.
  func flush() throws
  /// All that was not written yet, and what ends the form.
  func finish(_ counts: inout ConversionCounts) throws
}
