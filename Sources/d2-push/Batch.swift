import D2Client
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
    /// What the destination makes of it, if it accepts it.
    var fate = ValueFate.kept
  }

  let number: Int
  /// The data set that all values are entered for, where they or the options name one.
  let dataSet: String?

  /// Stands for the data set of registrations that are to be deleted.
  static let deletedRegistrations = "deleted registrations"
  /// Whether the server may answer its values with a failure of the whole request.
  let isDoubtful: Bool
  /// A whole request body of all values; those of a part are copied out of it.
  let text: [UInt8]
  let values: [Value]
  let keys: KeySet
  fileprivate let needsRewriting: Bool
  fileprivate let headerBytes: Int

  var bytes: Int { text.count }

  /// The bytes of one value, as they came in.
  func bytes(of value: Value) -> ArraySlice<UInt8> { text[Int(value.start)..<Int(value.start + value.length)] }

  /// The body of a request for some of the values.
  ///
  /// - Parameter header: the beginning of the body, up to the array's bracket.
  func body(of part: [Int], header: [UInt8], rewrite: Bool) -> [UInt8] {
    if part.count == values.count, !(rewrite && needsRewriting), headerBytes == header.count, text.starts(with: header)
    {
      return text
    }
    var body: [UInt8] = []
    body.reserveCapacity(header.count + part.reduce(2) { $0 + Int(values[$1].length) + 32 })
    body += header
    let scratch = DataValueLine.Scratch()
    for (position, index) in part.enumerated() {
      if position > 0 { body.append(UInt8(ascii: ",")) }
      let bytes = bytes(of: values[index])
      if rewrite, values[index].needsRewriting {
        ValueRewriter.append(bytes, to: &body, scratch)
      } else {
        body += bytes
      }
    }
    body += "]}".utf8
    return body
  }
}

/// A batch while it is filled.
final class OpenBatch {
  let number: Int
  let dataSet: String?
  let isDoubtful: Bool
  private var text: [UInt8] = []
  private var values: [Batch.Value] = []
  private let keys: KeySet
  private var needsRewriting = false
  private let headerBytes: Int

  init(
    number: Int, dataSet: String?, isDoubtful: Bool, header: [UInt8], capacity: Int, keys: KeySet = KeySet()
  ) {
    self.keys = keys
    self.number = number
    self.dataSet = dataSet
    self.isDoubtful = isDoubtful
    text.reserveCapacity(capacity)
    text += header
    headerBytes = header.count
  }

  var count: Int { values.count }
  var bytes: Int { text.count }

  func contains(_ key: UInt64) -> Bool { keys.contains(key) }

  /// Adds a value, unless its key is in already: two values of one key never share a request.
  func add(
    _ bytes: UnsafeRawBufferPointer, line: Int, key: UInt64, needsRewriting: Bool, fate: ValueFate = .kept
  ) -> Bool {
    guard keys.insert(key) else { return false }
    if !values.isEmpty { text.append(UInt8(ascii: ",")) }
    values.append(
      Batch.Value(
        start: UInt32(text.count), length: UInt32(bytes.count), line: line, needsRewriting: needsRewriting, fate: fate))
    text.append(contentsOf: bytes)
    if needsRewriting { self.needsRewriting = true }
    return true
  }

  /// Adds lines of a piece from one on: as many as belong into this batch and find room, up to a key that is in
  /// already. Where they stand one behind the other they are copied in one go, and their line ends become commas.
  /// Returns the line behind them.
  func add(_ piece: LocatedLines, _ text: UnsafeRawBufferPointer, from first: Int, size: Int, bytes most: Int) -> Int {
    piece.lines.withUnsafeBufferPointer { lines in
      let start = lines[first]
      let offset = self.text.count + (values.isEmpty ? 0 : 1)
      var next = first
      var expected = start.start
      while next < lines.count, values.count < size, offset + Int(expected - start.start) < most || next == first {
        let line = lines[next]
        // Behind a blank line or a CR the run ends; the next one begins there.
        guard line.start == expected, line.dataSet == start.dataSet, line.isDoubtful == start.isDoubtful,
          keys.insert(line.key)
        else { break }
        values.append(
          Batch.Value(
            start: UInt32(offset + Int(line.start - start.start)), length: line.length,
            line: piece.linesBefore + line.number, needsRewriting: line.needsRewriting, fate: line.fate))
        if line.needsRewriting { needsRewriting = true }
        expected = line.start + line.length + 1
        next += 1
      }
      guard next > first else { return first }
      if offset > self.text.count { self.text.append(UInt8(ascii: ",")) }
      self.text.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[Int(start.start)..<Int(expected) - 1]))
      for index in first + 1..<max(next, first + 1) {
        self.text[offset + Int(lines[index].start - start.start) - 1] = UInt8(ascii: ",")
      }
      return next
    }
  }

  /// Ends the body.
  func sealed() -> Batch {
    text += "]}".utf8
    return Batch(
      number: number, dataSet: dataSet, isDoubtful: isDoubtful, text: text, values: values, keys: keys,
      needsRewriting: needsRewriting, headerBytes: headerBytes)
  }
}
