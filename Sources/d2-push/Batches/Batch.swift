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
  /// Whether the server may answer its values with a failure of the whole request.
  let isDoubtful: Bool
  /// A whole request body of all values; those of a part are copied out of it.
  private(set) var text: [UInt8]
  private(set) var values: [Value] = []
  /// The hashes of the values' keys. Two keys that share one are taken for one: then a batch ends earlier than it
  /// must, and nothing else happens.
  private(set) var keys: HashTable
  private var needsRewriting = false
  private let headerBytes: Int
  /// How many values it was to hold: the input's end, or its data sets, may have left it smaller.
  var wantedSize = 0

  /// An empty batch, to be filled.
  ///
  /// - Parameters:
  ///   - header: the beginning of the body, up to the array's bracket.
  ///   - capacity: bytes for which there is room.
  ///   - expected: how many values will probably come.
  init(number: Int, dataSet: String?, isDoubtful: Bool, header: [UInt8], capacity: Int, expected: Int = 2048) {
    self.number = number
    self.dataSet = dataSet
    self.isDoubtful = isDoubtful
    keys = HashTable(capacity: expected)
    text = []
    text.reserveCapacity(capacity)
    text += header
    headerBytes = header.count
  }

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

  // MARK: Filling

  /// Adds lines of a piece from one on: as many as belong into this batch and find room, up to a key that is in
  /// already, since two values of one key never share a request. Where they stand one behind the other they are copied
  /// in one go, and their line ends become commas.
  ///
  /// - Parameters:
  ///   - size: how many values the batch holds then, at most.
  ///   - most: bytes; one value is taken in any case.
  /// - Returns: the line behind them.
  mutating func add(_ piece: LocatedLines, from first: Int, size: Int, bytes most: Int) -> Int {
    piece.lines.withUnsafeBufferPointer { lines in
      let start = lines[first]
      let offset = text.count + (values.isEmpty ? 0 : 1)
      var next = first
      var expected = start.start
      while next < lines.count, values.count < size, offset + Int(expected - start.start) < most || next == first {
        let line = lines[next]
        // Behind a blank line or a CR the run ends; the next one begins there.
        guard line.start == expected, line.dataSet == start.dataSet, line.isDoubtful == start.isDoubtful,
          keys.enter(line.key).isNew
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
      if offset > text.count { text.append(UInt8(ascii: ",")) }
      piece.text.withUnsafeBytes { bytes in
        text.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[Int(start.start)..<Int(expected) - 1]))
      }
      for index in first + 1..<max(next, first + 1) {
        text[offset + Int(lines[index].start - start.start) - 1] = UInt8(ascii: ",")
      }
      return next
    }
  }

  /// Ends the body.
  mutating func seal() { text += "]}".utf8 }
}
