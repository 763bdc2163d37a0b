import D2Common

/// Some values of the input that go to the server together, verbatim, in their order.
struct Batch: Sendable {
  /// One value: where it stands in the text, and which line of the input it was.
  struct Value: Sendable {
    var start: UInt32
    var length: UInt32
    var line: Int
    /// The server must get it in another spelling.
    var needsRewriting: Bool
  }

  let number: Int
  /// The data set that all values are entered for, where they or the options name one.
  let dataSet: String?
  /// Whether the server may answer its values with a failure of the whole request.
  let isDoubtful: Bool
  /// A whole request body of all values; those of a part are copied out of it.
  private(set) var text: [UInt8]
  private(set) var values: [Value] = []
  private(set) var keys = KeySet()
  private(set) var needsRewriting = false
  private let prefix: Int

  init(number: Int, dataSet: String?, isDoubtful: Bool, header: [UInt8], capacity: Int) {
    self.number = number
    self.dataSet = dataSet
    self.isDoubtful = isDoubtful
    text = []
    text.reserveCapacity(capacity)
    text += header
    prefix = header.count
  }

  /// Adds a value, unless its key is in already: two values of one key never share a request.
  mutating func add(_ bytes: UnsafeRawBufferPointer, line: Int, key: UInt64, needsRewriting: Bool) -> Bool {
    guard keys.insert(key) else { return false }
    if !values.isEmpty { text.append(UInt8(ascii: ",")) }
    values.append(
      Value(start: UInt32(text.count), length: UInt32(bytes.count), line: line, needsRewriting: needsRewriting))
    text += bytes
    if needsRewriting { self.needsRewriting = true }
    return true
  }

  /// Ends the body.
  mutating func seal() { text += "]}".utf8 }

  var bytes: Int { text.count }

  /// The bytes of one value, as they came in.
  func bytes(of value: Value) -> ArraySlice<UInt8> { text[Int(value.start)..<Int(value.start + value.length)] }

  /// The body of a request for some of the values.
  ///
  /// - Parameter header: the beginning of the body, up to the array's bracket.
  func body(of part: [Int], header: [UInt8], rewrite: Bool) -> [UInt8] {
    if part.count == values.count, !(rewrite && needsRewriting), text.starts(with: header), prefix == header.count {
      return text
    }
    var body: [UInt8] = []
    body.reserveCapacity(header.count + part.reduce(2) { $0 + Int(values[$1].length) + 32 })
    body += header
    let scratch = DataValueLine.Scratch()
    for (position, index) in part.enumerated() {
      if position > 0 { body.append(UInt8(ascii: ",")) }
      let bytes = bytes(of: values[index])
      if rewrite, values[index].needsRewriting { ValueRewriter.append(bytes, to: &body, scratch) } else { body += bytes }
    }
    body += "]}".utf8
    return body
  }
}
