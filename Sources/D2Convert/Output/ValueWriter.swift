/// Why a form cannot hold a value, as the end of a sentence.
struct UnwritableValue: Error {
  let problem: String
}

/// Writes values in a form.
public protocol ValueWriter: AnyObject {
  /// One value, all of whose cells are checked. Of one that cannot be written, nothing is.
  ///
  /// - Throws: `UnwritableValue`; `CommandFailure`, 73.
  func write(_ value: ValueRecord, _ counts: inout ConversionCounts) throws
  /// One registration of completeness, as JSON.
  func write(registration: UnsafeRawBufferPointer) throws
  /// Writes what was gathered so far.
  func flush() throws
  /// All that was not written yet, and what ends the form.
  func finish(_ counts: inout ConversionCounts) throws
}
