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
  /// The data set that all values are entered for, if they or the options name one.
  let dataSet: String?
  /// Whether the server may answer its values with a failure of the whole request.
  let isDoubtful: Bool
  /// The body of all values, up to its end; of its header alone, if the values stay in the blocks.
  private var text: [UInt8]
  /// Where the values are in the blocks of the input.
  private var runs: [BatchBody.Run] = []
  private let keepsBlocks: Bool
  /// Whether the last run is a copy, to which more can be added.
  private var isLastCopied = false
  private(set) var bytes: Int
  private var compressed: [UInt8]?
  private(set) var values: [Value] = []
  /// The hashes of the values' keys. If two keys share one, the batch ends earlier than it must, and nothing else
  /// happens.
  private(set) var keys: KeyHashes
  private var needsRewriting = false
  private let headerBytes: Int
  /// How many values it was to hold: the input's end, or its data sets, may have left it smaller.
  var wantedSize = 0

  /// An empty batch, to be filled.
  ///
  /// - Parameters:
  ///   - header: the beginning of the body, up to the array's bracket.
  ///   - keepsBlocks: whether values stay where they were read, which saves a copy where the body is sent as it is.
  ///   - capacity: bytes for which there is room.
  ///   - expected: how many values will probably come.
  init(
    number: Int, dataSet: String?, isDoubtful: Bool, header: [UInt8], keepsBlocks: Bool, capacity: Int,
    expected: Int = 2048
  ) {
    self.number = number
    self.dataSet = dataSet
    self.isDoubtful = isDoubtful
    keys = KeyHashes(capacity: expected)
    self.keepsBlocks = keepsBlocks
    text = []
    if !keepsBlocks { text.reserveCapacity(capacity) }
    text += header
    headerBytes = header.count
    bytes = header.count
  }

  /// The bytes of one value, as they came in.
  func bytes(of value: Value) -> ArraySlice<UInt8> {
    guard keepsBlocks else { return text[Int(value.start)..<Int(value.start + value.length)] }
    let run = runs[BatchBody.place(of: Int(value.start), in: runs)]
    let start = Int(value.start) - run.offset + run.start
    return run.block[start..<start + Int(value.length)]
  }

  /// The body of a request for all values.
  var body: any HTTPBody {
    if keepsBlocks { return BatchBody(text, runs) }
    if let compressed { return CompressedBody(plain: text, gzip: compressed) }
    return text
  }

  /// Compresses the body before its turn to be sent comes, if it will be sent as it is.
  mutating func compress() { if !keepsBlocks, !needsRewriting { compressed = Gzip.compressed(text) } }

  /// The body of a request for some of the values.
  ///
  /// - Parameter header: the beginning of the body, up to the array's bracket.
  func body(of part: [Int], header: [UInt8], rewrite: Bool) -> any HTTPBody {
    if part.count == values.count, !(rewrite && needsRewriting), headerBytes == header.count, text.starts(with: header)
    {
      return self.body
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
    body += BatchBody.ending
    return body
  }

  // MARK: Filling

  /// Adds lines of a piece from one on: as many as belong into this batch and find room. It stops at a key that is in
  /// already, since two values of one key never share a request. Lines that follow each other are taken together, and
  /// their line ends become commas.
  ///
  /// - Parameters:
  ///   - size: how many values the batch holds then, at most.
  ///   - most: bytes; one value is taken in any case.
  /// - Returns: the line after them.
  mutating func add(_ piece: LocatedLines, from first: Int, size: Int, bytes most: Int) -> Int {
    piece.lines.withUnsafeBufferPointer { lines in
      let start = lines[first]
      let offset = bytes + (values.isEmpty ? 0 : 1)
      let (next, end) = enter(lines[first...], piece.linesBefore, at: offset, size: size, bytes: most)
      guard next > first else { return first }
      bytes = offset + end - Int(start.start)
      let run = Int(start.start)..<end
      if keepsBlocks { keep(piece.text, run, at: offset) } else { copy(piece.text, run, lines[first..<next]) }
      return next
    }
  }

  /// Takes note of the lines of a run that stands at an offset of the body.
  ///
  /// - Returns: the line after the run, and where the run ends in its block.
  private mutating func enter(
    _ lines: Slice<UnsafeBufferPointer<LocatedLines.Line>>, _ linesBefore: Int, at offset: Int, size: Int,
    bytes most: Int
  ) -> (next: Int, end: Int) {
    let (first, start) = (lines.startIndex, lines[lines.startIndex])
    var next = first
    var expected = start.start
    let last = first + min(lines.count, max(0, size - values.count))
    keys.entering(atMost: last - first) { isNew in
      while next < last, offset + Int(expected - start.start) < most || next == first {
        let line = lines[next]
        // Behind a blank line or a CR the run ends; the next one begins there.
        guard line.start == expected, line.dataSet == start.dataSet, line.isDoubtful == start.isDoubtful,
          isNew(line.key)
        else { break }
        values.append(
          Batch.Value(
            start: UInt32(offset + Int(line.start - start.start)), length: line.length,
            line: linesBefore + line.number, needsRewriting: line.needsRewriting, fate: line.fate))
        if line.needsRewriting { needsRewriting = true }
        expected = line.start + line.length + 1
        next += 1
      }
    }
    return (next, Int(expected) - 1)
  }

  /// Copies a run; its line ends become commas.
  private mutating func copy(
    _ block: [UInt8], _ run: Range<Int>, _ lines: Slice<UnsafeBufferPointer<LocatedLines.Line>>
  ) {
    if text.count > headerBytes { text.append(UInt8(ascii: ",")) }
    let offset = text.count
    block.withUnsafeBytes { text.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[run])) }
    for line in lines.dropFirst() { text[offset + Int(line.start) - run.lowerBound - 1] = UInt8(ascii: ",") }
  }

  /// Keeps a run where it was read. Of less than half of a block a copy is kept: the batch would keep all of it in
  /// memory.
  private mutating func keep(_ block: [UInt8], _ run: Range<Int>, at offset: Int) {
    if run.count >= block.capacity / 2 {
      runs.append(.init(block: block, start: run.lowerBound, length: run.count, offset: offset))
      isLastCopied = false
    } else if isLastCopied {
      runs[runs.count - 1].length += 1 + run.count
      runs[runs.count - 1].block.append(UInt8(ascii: "\n"))
      runs[runs.count - 1].block += block[run]
    } else {
      runs.append(.init(block: Array(block[run]), start: 0, length: run.count, offset: offset))
      isLastCopied = true
    }
  }

  /// Ends the body.
  mutating func seal() {
    bytes += BatchBody.ending.count
    if !keepsBlocks { text += BatchBody.ending }
  }
}
