import D2Common
import Glibc

/// A block of the input, each line checked and with its key: what some threads make while another fills batches.
struct LocatedLines: Sendable {
  struct Line: Sendable {
    /// Where it stands in the text.
    var start: UInt32
    var length: UInt32
    /// Its number, from 1, in the block.
    var number: Int
    /// The hash of the key of which no two values of one request may be the same.
    var key: UInt64
    /// Which of the data sets it names; -1 for none.
    var dataSet: Int32
    /// Whether a server may answer it with a failure of the whole request.
    var isDoubtful: Bool
    /// Whether the server must get it in another spelling.
    var needsRewriting: Bool
  }

  /// The block, as it was read.
  var text: [UInt8] = []
  var lines: [Line] = []
  var dataSets: [String] = []
  /// For a queue: which request each line belongs to.
  var requests: RequestPlaces?
  /// Lines that are no values, with their numbers in the block.
  var malformed: [(number: Int, text: String, fault: String)] = []
  /// How many lines the block had, blank ones too, and how many came before it.
  var lineCount = 0
  var linesBefore = 0

  /// Takes out what stands behind a line.
  mutating func cut(behind number: Int) { lines.removeAll { $0.number > number } }
}

/// Reads blocks of whole lines from the input. One task uses it at a time.
final class InputReader: @unchecked Sendable {
  private var reader: LineReader

  /// - Parameter stop: ends the waiting for input.
  init(stop: StopSign) { reader = LineReader(descriptor: 0, stop: stop) }

  /// The next block; `nil` at the end.
  func next() -> Result<[UInt8]?, CommandFailure> {
    do throws(CommandFailure) { return .success(try reader.nextBlock()) } catch { return .failure(error) }
  }

  /// The rest of the input goes to the rejects, since the server can take no more.
  func drain(linesBefore: Int, _ account: Account, _ reason: Refusal) throws {
    reader.count(lines: linesBefore)
    while let line = try reader.next() {
      if line.allSatisfy({ $0 <= 0x20 }) { continue }
      try account.notSent(line: UnsafeRawBufferPointer(line), number: reader.number, reason)
    }
  }
}

/// Locates the lines of blocks, several blocks at a time.
struct LineLocator: Sendable {
  private let isDataValues: Bool
  private let failsWholeGroups: Bool
  private let defaultCombo: [UInt8]
  private let server: DestinationTraits

  init(_ options: PushOptions, _ server: DestinationTraits) {
    isDataValues = options.kind == .dataValues
    failsWholeGroups = server.failsWholeGroups
    defaultCombo = server.defaultCombo
    self.server = server
  }

  /// Checks and locates each line of a block.
  func locate(_ block: [UInt8]) -> LocatedLines {
    var piece = LocatedLines()
    let scratch = DataValueLine.Scratch()
    piece.lines.reserveCapacity(block.count / 200)
    // The lines stay where they are; a batch takes runs of them and makes commas of their line ends.
    piece.text = block
    let end = block.count - LineReader.blockPaddingBytes
    block.withUnsafeBytes { text in
      var begin = 0
      while begin < end {
        let found = memchr(text.baseAddress! + begin, 0x0A, text.count - begin)!
        let lineEnd = UnsafeRawPointer(found) - text.baseAddress!
        piece.lineCount += 1
        var length = lineEnd - begin
        if length > 0, text[lineEnd - 1] == 0x0D { length -= 1 }
        let bytes = UnsafeRawBufferPointer(rebasing: text[begin..<begin + length])
        if let line = located(bytes, at: begin, number: piece.lineCount, scratch, &piece.dataSets, &piece.malformed) {
          piece.lines.append(line)
        }
        begin = lineEnd + 1
      }
    }
    return piece
  }

  @inline(__always)
  private func located(
    _ bytes: UnsafeRawBufferPointer, at start: Int, number: Int, _ scratch: DataValueLine.Scratch,
    _ dataSets: inout [String],
    _ malformed: inout [(number: Int, text: String, fault: String)]
  ) -> LocatedLines.Line? {
    let line: DataValueLine
    do throws(DataValueLine.Fault) {
      line = try DataValueLine(bytes, scratch)
      try check(line)
    } catch {
      if !bytes.allSatisfy({ $0 <= 0x20 }) {
        malformed.append((number, String(decoding: bytes, as: UTF8.self), "\(error)"))
      }
      return nil
    }
    return LocatedLines.Line(
      start: UInt32(start), length: UInt32(bytes.count), number: number, key: hash(line),
      dataSet: isDataValues && line[.dataSet].kind != .absent ? place(of: line.text(.dataSet), in: &dataSets) : -1,
      isDoubtful: failsWholeGroups && server.mayFailRequest(line),
      needsRewriting: failsWholeGroups && ValueRewriter.isNeeded(line))
  }

  private func place(of dataSet: String?, in dataSets: inout [String]) -> Int32 {
    guard let dataSet else { return -1 }
    if let place = dataSets.lastIndex(of: dataSet) { return Int32(place) }
    dataSets.append(dataSet)
    return Int32(dataSets.count - 1)
  }

  // The two kinds are spelled out: a loop over an array of keys costs more than all that is done here.
  @inline(__always)
  private func check(_ line: DataValueLine) throws(DataValueLine.Fault) {
    if isDataValues {
      try check(line, .dataElement)
      try check(line, .period)
      try check(line, .orgUnit)
    } else {
      try check(line, .dataSet)
      try check(line, .period)
      try check(line, .organisationUnit)
    }
  }

  @inline(__always)
  private func check(_ line: DataValueLine, _ key: DataValueLine.Key) throws(DataValueLine.Fault) {
    let field = line[key]
    if field.kind != .string || field.length == 0 { try checkUnusual(field, key) }
  }

  private func checkUnusual(_ field: DataValueLine.Field, _ key: DataValueLine.Key) throws(DataValueLine.Fault) {
    switch field.kind {
    case .absent: throw .init("no \"\(key.name)\"")
    case .null: throw .init("\"\(key.name)\" is null")
    case .object, .array: throw .init("\"\(key.name)\" is not an id")
    case .string where field.length == 0: throw .init("\"\(key.name)\" is empty")
    default: break
    }
  }

  /// Absent option combos are the default one: a value may name it or leave it out.
  @inline(__always)
  private func hash(_ line: DataValueLine) -> UInt64 {
    var hash = KeyHash()
    if isDataValues {
      hash.add(line.bytes(line[.dataElement]))
      hash.add(line.bytes(line[.period]))
      hash.add(line.bytes(line[.orgUnit]))
      add(line, .categoryOptionCombo, to: &hash)
    } else {
      hash.add(line.bytes(line[.dataSet]))
      hash.add(line.bytes(line[.period]))
      hash.add(line.bytes(line[.organisationUnit]))
    }
    add(line, .attributeOptionCombo, to: &hash)
    return hash.value
  }

  @inline(__always)
  private func add(_ line: DataValueLine, _ key: DataValueLine.Key, to hash: inout KeyHash) {
    let field = line[key]
    if field.kind == .absent || field.kind == .null {
      defaultCombo.withUnsafeBytes { hash.add($0) }
    } else {
      hash.add(line.bytes(field))
    }
  }
}
