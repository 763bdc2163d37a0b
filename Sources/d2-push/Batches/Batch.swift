import D2Client
import D2Common

/// Values of the input that d2-push sends together, verbatim and in their order.
struct Batch: Sendable {
  /// One value: its position in the text, and the number of its input line.
  struct Value: Sendable {
    var start: UInt32
    var length: UInt32
    var line: Int
    /// Whether the server must get it in another spelling.
    var needsRewriting: Bool
    /// What the destination does with the value, if it accepts it.
    var fate = ValueFate.kept
  }

  let number: Int
  /// The data set of all values, if they or the options name one.
  let dataSet: String?
  /// Whether the server may answer these values with a failure of the whole request.
  let isDoubtful: Bool
  /// The body of all values, up to its end. If the values stay in the blocks, only the header.
  private var text: [UInt8]
  /// The positions of the values in the blocks of the input.
  private var runs: [BatchBody.Run] = []
  private let keepsBlocks: Bool
  /// Whether the last run is a copy, so that more lines can be added to it.
  private var isLastCopied = false
  private(set) var bytes: Int
  private var compressed: [UInt8]?
  private(set) var values: [Value] = []
  /// The hashes of the values' keys. If two keys share a hash, the batch ends earlier than necessary, and nothing else
  /// happens.
  private(set) var keys: KeyHashes
  private var needsRewriting = false
  private let headerBytes: Int
  /// The size that was aimed for. The end of the input, or a change of data set, may have left the batch smaller.
  var wantedSize = 0

  /// Creates an empty batch.
  ///
  /// - Parameters:
  ///   - header: the beginning of the body, up to the array's bracket.
  ///   - keepsBlocks: whether the values stay in the blocks where they were read. This saves a copy if the body is sent
  ///     as it is.
  ///   - capacity: bytes to reserve.
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

  /// Compresses the body before its turn to be sent, if it will be sent as it is.
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

  /// The body of a request that deletes some of the values, and does not say what they are.
  func bodyOfDeletions(of part: [Int], header: [UInt8]) -> [UInt8] {
    let scratch = DataValueLine.Scratch()
    var body = header
    for (position, index) in part.enumerated() {
      if position > 0 { body.append(UInt8(ascii: ",")) }
      let bytes = bytes(of: values[index])
      body += DataValueLine.reading(bytes, scratch) { $0.deleted(without: [.value]) } ?? Array(bytes)
    }
    return body + BatchBody.ending
  }

  // MARK: Filling

  /// Adds lines of a piece, beginning with one: as many as belong to this batch and fit. It stops at a key that the
  /// batch already has, because two values with one key never share a request. It adds consecutive lines at once, and
  /// turns their line ends into commas.
  ///
  /// - Parameters:
  ///   - size: the most values that the batch may hold afterwards.
  ///   - most: the most bytes; it adds at least one value in any case.
  /// - Returns: the index of the line after them.
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

  /// Records the lines of a run that begins at an offset of the body.
  ///
  /// - Returns: the index of the line after the run, and the run's end in its block.
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
        // A blank line or a CR ends the run; the next run begins after it.
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

  /// Copies a run, and turns its line ends into commas.
  private mutating func copy(
    _ block: [UInt8], _ run: Range<Int>, _ lines: Slice<UnsafeBufferPointer<LocatedLines.Line>>
  ) {
    if text.count > headerBytes { text.append(UInt8(ascii: ",")) }
    let offset = text.count
    block.withUnsafeBytes { text.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[run])) }
    for line in lines.dropFirst() { text[offset + Int(line.start) - run.lowerBound - 1] = UInt8(ascii: ",") }
  }

  /// Keeps a run in the block where it was read. If it is less than half of the block, it keeps a copy, because
  /// otherwise the batch would hold the whole block in memory.
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

  /// Appends the end of the body.
  mutating func seal() {
    bytes += BatchBody.ending.count
    if !keepsBlocks { text += BatchBody.ending }
  }
}
