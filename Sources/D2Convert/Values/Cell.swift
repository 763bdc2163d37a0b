/// What stands in one field of a value. Its bytes belong to the reader, and last until it reads on.
public struct Cell {
  /// How the bytes are to be read.
  public enum Form: UInt8, Sendable {
    /// The value does not have the field.
    case absent
    /// JSON's `null`.
    case null
    /// UTF-8 as it is.
    case text
    /// The inside of a JSON string: it may hold escapes.
    case string
    /// JSON as it is: a number, true, false or an object.
    case json
  }

  /// How the bytes are to be read.
  public var form: Form
  /// The first byte.
  public var start: UnsafePointer<UInt8>?
  /// How many bytes there are.
  public var count: Int

  /// A field that is not there.
  public static var absent: Cell { Cell(form: .absent, start: nil, count: 0) }

  /// A field of some bytes.
  @inline(__always)
  public init(form: Form, start: UnsafePointer<UInt8>?, count: Int) {
    self.form = form
    self.start = start
    self.count = count
  }

  /// A field of some bytes.
  @inline(__always)
  public init(form: Form, _ bytes: UnsafeRawBufferPointer) {
    self.init(form: form, start: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count: bytes.count)
  }

  /// The bytes.
  @inline(__always)
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
}
