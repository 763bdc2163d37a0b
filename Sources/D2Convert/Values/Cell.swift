/// One field of a value. The bytes belong to the reader, and stay valid until it reads on.
public struct Cell {
  /// How to read the bytes.
  public enum Form: UInt8, Sendable {
    /// The value does not have the field.
    case absent
    /// JSON's `null`.
    case null
    /// UTF-8 as it is.
    case text
    /// The inside of a JSON string, which may contain escapes.
    case string
    /// JSON as it is: a number, true, false or an object.
    case json
  }

  /// How to read the bytes.
  public var form: Form
  /// The first byte.
  public var start: UnsafePointer<UInt8>?
  /// How many bytes there are.
  public var count: Int

  /// A missing field.
  public static var absent: Cell { Cell(form: .absent, start: nil, count: 0) }

  /// A field with these bytes.
  @inline(__always)
  public init(form: Form, start: UnsafePointer<UInt8>?, count: Int) {
    self.form = form
    self.start = start
    self.count = count
  }

  /// A field with these bytes.
  @inline(__always)
  public init(form: Form, _ bytes: UnsafeRawBufferPointer) {
    self.init(form: form, start: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count: bytes.count)
  }

  /// The bytes.
  @inline(__always)
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
}
