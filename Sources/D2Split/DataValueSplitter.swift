import CJSONBlocks
import D2Common

/// Turns the answer of `GET /api/dataValueSets` into lines, with one data value on each line, while it arrives.
///
/// It decodes nothing. It finds the elements of one top-level array by the brackets outside strings, and passes their
/// bytes on. It removes only the white space between tokens. Chunks may end anywhere: the splitter carries the
/// unfinished part of an element over to the next chunk. So it writes only whole values.
///
/// There are two ways to process a chunk. Answers of DHIS2 servers have no white space. If the values also need nothing
/// appended, the splitter patches the chunk in place: the comma after each value becomes a line end. It then writes the
/// chunk itself. Otherwise it copies value by value. It also copies at the end of the array, and at a fault.
package struct DataValueSplitter: ~Copyable {
  /// The limit of nested brackets in an element; a data value has at most two.
  static let deepest = Int(D2_JSON_DEEPEST)
  /// No data value is nearly as large (a comment has at most 50,000 characters). A larger element is not a data value.
  static let largestElementBytes = 16 << 20
  /// The masks are computed for this many bytes at a time, so that they stay in the processor's cache.
  private static let strideBytes = 256 * 1024
  /// Copied lines are passed on in pieces of at least this size.
  private static let copiedBytes = 128 * 1024

  private enum Phase { case header, elements, trailer }

  /// How many elements were passed on so far.
  package private(set) var count = 0

  private var reader: TopLevelReader
  private let completion: ValueCompletion
  private var phase = Phase.header
  private var state = d2_json_state()
  private var elements = d2_json_elements()
  private var carried = ByteArray()
  private var copied: ByteArray
  private var consumed = 0
  private let masks = UnsafeMutablePointer<d2_json_block>.allocate(capacity: strideBytes / 64)
  private var suffix: [UInt8] = []
  private var hoisted: [ValueCompletion.Member] = []

  /// - Parameters:
  ///   - arrayKey: the key of the array: `dataValues` or `completeDataSetRegistrations`.
  ///   - completion: the members to append to each value, so that its line can stand alone.
  package init(arrayKey: String = "dataValues", completion: ValueCompletion = .none) {
    reader = TopLevelReader(arrayKey: arrayKey)
    self.completion = completion
    copied = ByteArray(capacity: 4096)
  }

  deinit { masks.deallocate() }

  /// Processes the next chunk, and passes whole values to the sink. It may change the bytes of the chunk.
  package mutating func consume(_ chunk: UnsafeMutableRawBufferPointer, into sink: inout some LineSink) throws {
    guard let start = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    var at = 0
    while at < chunk.count {
      if phase != .elements {
        // Pass the counted elements on before the text after the array can cause an error.
        try flushCopied(into: &sink)
        at = try takeAround(start, at, chunk.count)
      } else {
        let used = try patch(start + at, chunk.count - at, offset: at, into: &sink)
        at += used
        guard used == 0 else { continue }
        at += try copy(start + at, min(Self.strideBytes, chunk.count - at), offset: at, into: &sink)
      }
    }
    try flushCopied(into: &sink)
    consumed += chunk.count
  }

  /// Ends the answer. - Throws: `SplitError` if it ended too early.
  package func finish() throws(SplitError) {
    guard reader.isComplete else { throw SplitError(problem: .endsEarly, offset: consumed) }
  }

  /// Whether only white space has come so far.
  package var isEmpty: Bool { !reader.hasBegun }

  /// The members beside the array, raw.
  package var topLevelMembers: [(key: [UInt8], value: [UInt8])] { reader.members }

  /// Whether the document had the array.
  package var sawArray: Bool { reader.sawArray }

  // MARK: Around the array

  private mutating func takeAround(_ start: UnsafePointer<UInt8>, _ from: Int, _ end: Int) throws(SplitError) -> Int {
    var at = from
    while at < end {
      do {
        let event = try reader.take(start[at])
        at += 1
        if event == .arrayOpened {
          phase = .elements
          state = d2_json_state()
          hoisted = completion.hoistedMembers(in: reader.members)
          suffix = completion.suffix
          return at
        }
        if event == .documentClosed, phase == .trailer { try checkNothingCameLate() }
      } catch {
        throw SplitError(problem: error, offset: consumed + at)
      }
    }
    return at
  }

  /// Refuses keys after the array that earlier values needed, because those values were passed on already.
  private func checkNothingCameLate() throws(SplitProblem) {
    let late = completion.hoistedMembers(in: reader.members)
    guard late.count > hoisted.count, count > 0, !completion.isNone else { return }
    throw .hoistedKeyBehindValues(String(decoding: late.last?.key ?? [], as: UTF8.self))
  }

  // MARK: In place

  /// Turns elements into lines in place, as long as nothing must be removed or appended. Returns the offset that it
  /// reached.
  private mutating func patch(
    _ text: UnsafeMutablePointer<UInt8>, _ length: Int, offset: Int, into sink: inout some LineSink
  ) throws -> Int {
    guard hoisted.isEmpty, suffix.isEmpty, copied.isEmpty else { return 0 }
    let used = d2_json_lines(text, length, &state, &elements)
    count += elements.count
    try writePatched(text, into: &sink)
    if elements.depth > 0 {
      let from = max(elements.begin, elements.done)
      carried.append(text + from, used - from)
      try checkSize(offset + used)
    }
    return used
  }

  /// Writes the carried part of the first element and the whole elements after it. Adds a line end if it is missing.
  private mutating func writePatched(_ text: UnsafeMutablePointer<UInt8>, into sink: inout some LineSink) throws {
    let (begin, done) = (elements.begin, elements.done)
    guard done > 0 else { return }
    let lines = UnsafeRawBufferPointer(start: text + begin, count: done - begin)
    try sink.write(carried.bytes, lines, lineEndMissing: text[done - 1] != UInt8(ascii: "\n"))
    carried.removeAll()
  }

  // MARK: Between elements

  /// Checks the bytes up to `to`, outside elements: at most one comma, and only after an element.
  private static func passSeparator(_ text: UnsafePointer<UInt8>, _ to: Int, _ cursor: inout Cursor) -> SplitProblem? {
    while cursor.next < to {
      let byte = text[cursor.next]
      guard cursor.gap == D2_JSON_SEPARATOR, byte == UInt8(ascii: ",") else { return problemInGap(byte, cursor.gap) }
      cursor.gap = D2_JSON_ELEMENT
      cursor.next += 1
    }
    return nil
  }

  private static func passGap(
    _ text: UnsafePointer<UInt8>, _ at: Int, opening byte: UInt8, _ cursor: inout Cursor
  ) -> SplitProblem? {
    if let problem = passSeparator(text, at, &cursor) { return problem }
    if cursor.gap == D2_JSON_SEPARATOR { return .unexpected(byte) }
    return byte == UInt8(ascii: "{") ? nil : .elementNotAnObject
  }

  private static func passGap(
    _ text: UnsafePointer<UInt8>, _ at: Int, closing byte: UInt8, _ cursor: inout Cursor
  ) -> SplitProblem? {
    if let problem = passSeparator(text, at, &cursor) { return problem }
    return byte == UInt8(ascii: "]") && cursor.gap != D2_JSON_ELEMENT ? nil : .unexpected(byte)
  }

  private static func problemOfFault(_ byte: UInt8) -> SplitProblem {
    switch byte {
    case UInt8(ascii: "<"): .htmlInside
    case UInt8(ascii: "\\"): .unexpected(byte)
    default: .controlByte
    }
  }

  private static func problemInGap(_ byte: UInt8, _ gap: d2_json_gap) -> SplitProblem {
    switch byte {
    case UInt8(ascii: "<"): .htmlInside
    case UInt8(ascii: ","), UInt8(ascii: ":"), 0..<0x20: .unexpected(byte)
    default: gap == D2_JSON_SEPARATOR ? .unexpected(byte) : .elementNotAnObject
    }
  }

  // MARK: By copy

  /// The state of a scan.
  private struct Cursor {
    var depth: Int
    var kinds: UInt64
    var gap: d2_json_gap
    /// The first byte that no token has consumed. On a fault: its offset.
    var next = 0
    var ended = false

    mutating func problem(_ problem: SplitProblem, _ at: Int) -> SplitProblem {
      next = at
      return problem
    }
  }

  private mutating func copy(
    _ text: UnsafeMutablePointer<UInt8>, _ length: Int, offset: Int, into sink: inout some LineSink
  ) throws -> Int {
    d2_json_blocks(text, length, &state, masks)
    var cursor = Cursor(depth: Int(elements.depth), kinds: elements.kinds, gap: elements.gap)
    let problem = try copyScan(text, length, &cursor, offset: offset, into: &sink)
    elements.depth = UInt32(cursor.depth)
    elements.kinds = cursor.kinds
    elements.gap = cursor.gap
    if let problem {
      try flushCopied(into: &sink)
      throw fault(problem, offset + cursor.next)
    }
    if cursor.ended {
      phase = .trailer
      reader.arrayClosed()
      return cursor.next
    }
    if cursor.depth > 0 {
      carried.append(text + cursor.next, length - cursor.next)
      try checkSize(offset + length)
    }
    return length
  }

  /// Copies each element without the white space between its tokens, and completes it. Returns the problem, if there is
  /// one.
  private mutating func copyScan(
    _ text: UnsafeMutablePointer<UInt8>, _ length: Int, _ cursor: inout Cursor, offset: Int,
    into sink: inout some LineSink
  ) throws -> SplitProblem? {
    for block in 0..<(length + 63) / 64 {
      var events = masks[block].brackets | masks[block].faults | masks[block].spaces
      while events != 0 {
        let at = block * 64 + events.trailingZeroBitCount
        events &= events &- 1
        let byte = text[at]
        switch byte {
        case 0x20, 0x0A, 0x0D, 0x09:
          guard masks[block].faults >> UInt64(at & 63) & 1 == 0 else {
            if cursor.depth == 0, let problem = Self.passSeparator(text, at, &cursor) { return problem }
            return cursor.problem(.controlByte, at)
          }
          if cursor.depth > 0 {
            carried.append(text + cursor.next, at - cursor.next)
          } else if let problem = Self.passSeparator(text, at, &cursor) {
            return problem
          }
          cursor.next = at + 1
        case UInt8(ascii: "{"), UInt8(ascii: "["):
          if cursor.depth == 0 {
            if let problem = Self.passGap(text, at, opening: byte, &cursor) { return problem }
            cursor.next = at
          }
          guard cursor.depth < Self.deepest else { return cursor.problem(.tooDeep, at) }
          cursor.kinds = cursor.kinds << 1 | (byte == UInt8(ascii: "{") ? 1 : 0)
          cursor.depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          if cursor.depth == 0 {
            if let problem = Self.passGap(text, at, closing: byte, &cursor) { return problem }
            cursor.next = at + 1
            cursor.ended = true
            return nil
          }
          guard (cursor.kinds & 1 == 1) == (byte == UInt8(ascii: "}")) else { return cursor.problem(.unbalanced, at) }
          cursor.kinds >>= 1
          cursor.depth -= 1
          if cursor.depth == 0 {
            carried.append(text + cursor.next, at + 1 - cursor.next)
            try endCopied(offset + at, into: &sink)
            cursor.next = at + 1
            cursor.gap = D2_JSON_SEPARATOR
          }
        default:
          if cursor.depth == 0, let problem = Self.passSeparator(text, at, &cursor) { return problem }
          return cursor.problem(Self.problemOfFault(byte), at)
        }
      }
    }
    return cursor.depth == 0 ? Self.passSeparator(text, length, &cursor) : nil
  }

  /// Completes the whole element in `carried`, and appends it to the copied lines.
  private mutating func endCopied(_ at: Int, into sink: inout some LineSink) throws {
    try checkSize(at)
    completion.append(to: &copied, element: carried.bytes, hoisted: hoisted)
    copied.append(UInt8(ascii: "\n"))
    carried.removeAll()
    count += 1
    if copied.count >= Self.copiedBytes { try flushCopied(into: &sink) }
  }

  private mutating func flushCopied(into sink: inout some LineSink) throws {
    guard !copied.isEmpty else { return }
    try sink.write(UnsafeRawBufferPointer(start: nil, count: 0), copied.bytes, lineEndMissing: false)
    copied.removeAll()
  }

  // MARK: Faults

  private func checkSize(_ at: Int) throws(SplitError) {
    guard carried.count <= Self.largestElementBytes else { throw fault(.tooLarge, at) }
  }

  private func fault(_ problem: SplitProblem, _ at: Int) -> SplitError {
    SplitError(problem: problem, offset: consumed + at)
  }
}
