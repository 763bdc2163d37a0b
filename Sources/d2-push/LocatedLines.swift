import D2Client
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
    /// What the destination makes of it.
    var fate = ValueFate.kept
    /// What stands out about its text, and which of the block's data elements it is of.
    var oddity = ValueKeeping.Oddity()
    var element: UInt16 = 0
  }

  /// The block, as it was read.
  var text: [UInt8] = []
  var lines: [Line] = []
  var dataSets: [String] = []
  /// For a queue: which request each line belongs to.
  var requests: RequestPlaces?
  /// Lines that are not sent though they are values, with what is wrong.
  var setApart: [(line: Line, refusal: Refusal)] = []
  /// Lines that are no values, with their numbers in the block.
  var malformed: [(number: Int, text: String, fault: String)] = []
  /// How many lines the block had, blank ones too, and how many came before it.
  var lineCount = 0
  var linesBefore = 0

  /// Takes out what stands behind a line.
  mutating func cut(behind number: Int) {
    lines.removeAll { $0.number > number }
    setApart.removeAll { $0.line.number > number }
  }
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
  private let rules: LineRules
  private let keeping: ValueKeeping
  private let elements: ElementDirectory?

  /// - Parameter elements: tells what the destination does not keep of values; `nil` where nobody asks.
  init(_ options: PushOptions, _ server: DestinationTraits, _ elements: ElementDirectory? = nil) {
    isDataValues = options.kind == .dataValues
    failsWholeGroups = server.failsWholeGroups
    defaultCombo = server.defaultCombo
    self.server = server
    rules = LineRules(options, server)
    keeping = ValueKeeping(server.version)
    self.elements = elements
  }

  /// Checks and locates each line of a block.
  func locate(_ block: [UInt8]) -> LocatedLines {
    var piece = LocatedLines()
    let scratch = DataValueLine.Scratch()
    piece.lines.reserveCapacity(block.count / 200)
    // The lines stay where they are; a batch takes runs of them and makes commas of their line ends.
    piece.text = block
    let end = block.count - LineReader.blockPaddingBytes
    var names = elements == nil ? nil : BlockElements()
    block.withUnsafeBytes { text in
      var begin = 0
      while begin < end {
        let found = memchr(text.baseAddress! + begin, 0x0A, text.count - begin)!
        let lineEnd = UnsafeRawPointer(found) - text.baseAddress!
        piece.lineCount += 1
        var length = lineEnd - begin
        if length > 0, text[lineEnd - 1] == 0x0D { length -= 1 }
        let bytes = UnsafeRawBufferPointer(rebasing: text[begin..<begin + length])
        if let line = located(bytes, at: begin, number: piece.lineCount, scratch, &piece, &names) {
          piece.lines.append(line)
        }
        begin = lineEnd + 1
      }
    }
    if let names, let elements { names.judge(&piece, elements, keeping) }
    return piece
  }

  @inline(__always)
  private func located(
    _ bytes: UnsafeRawBufferPointer, at start: Int, number: Int, _ scratch: DataValueLine.Scratch,
    _ piece: inout LocatedLines, _ names: inout BlockElements?
  ) -> LocatedLines.Line? {
    let line: DataValueLine
    do throws(DataValueLine.Fault) {
      line = try DataValueLine(bytes, scratch)
      try rules.check(line)
    } catch {
      if !bytes.allSatisfy({ $0 <= 0x20 }) {
        piece.malformed.append((number, String(decoding: bytes, as: UTF8.self), "\(error)"))
      }
      return nil
    }
    var located = LocatedLines.Line(
      start: UInt32(start), length: UInt32(bytes.count), number: number, key: hash(line),
      dataSet: group(of: line, in: &piece.dataSets),
      isDoubtful: failsWholeGroups && server.mayFailRequest(line),
      needsRewriting: failsWholeGroups && ValueRewriter.isNeeded(line))
    if names != nil {
      located.oddity = keeping.oddity(of: line)
      located.element = names!.number(of: line.bytes(line[.dataElement]))
    }
    return located
  }

  /// What shares a request: values of one data set; registrations that are deleted, which takes a request of its own.
  @inline(__always)
  private func group(of line: DataValueLine, in dataSets: inout [String]) -> Int32 {
    if isDataValues { return line[.dataSet].kind == .absent ? -1 : place(of: line.text(.dataSet), in: &dataSets) }
    return line.isTrue(.deleted) ? place(of: Batch.deletedRegistrations, in: &dataSets) : -1
  }

  private func place(of dataSet: String?, in dataSets: inout [String]) -> Int32 {
    guard let dataSet else { return -1 }
    if let place = dataSets.lastIndex(of: dataSet) { return Int32(place) }
    dataSets.append(dataSet)
    return Int32(dataSets.count - 1)
  }

  /// Absent option combos are the default one: a value may name it or leave it out.
  @inline(__always)
  private func hash(_ line: DataValueLine) -> UInt64 {
    var hash = KeyHash()
    if isDataValues {
      add(line, .dataElement, to: &hash)
      addPeriod(line, to: &hash)
      add(line, .orgUnit, to: &hash)
      addCombo(line, .categoryOptionCombo, to: &hash)
    } else {
      add(line, .dataSet, to: &hash)
      addPeriod(line, to: &hash)
      add(line, .organisationUnit, to: &hash)
    }
    addCombo(line, .attributeOptionCombo, to: &hash)
    return hash.value
  }

  /// An id: the same in every spelling.
  @inline(__always)
  private func add(_ line: DataValueLine, _ key: DataValueLine.Key, to hash: inout KeyHash) {
    if line.isPlain { return hash.add(line.bytes(line[key])) }
    Self.add(line.text(key) ?? "", to: &hash)
  }

  @inline(never)
  private static func add(_ text: String, to hash: inout KeyHash) {
    Array(text.utf8).withUnsafeBytes { hash.add($0) }
  }

  /// Servers read some periods in more than one spelling: 2024-01 is 202401, and 2024W05 is 2024W5.
  @inline(__always)
  private func addPeriod(_ line: DataValueLine, to hash: inout KeyHash) {
    guard Self.mayBeRespelled(line.bytes(line[.period])), let period = Period(id: line.text(.period) ?? "") else {
      return add(line, .period, to: &hash)
    }
    Self.add(period.id, to: &hash)
  }

  /// Behind the year stands a dash, or letters and then a zero.
  @inline(__always)
  private static func mayBeRespelled(_ period: UnsafeRawBufferPointer) -> Bool {
    guard period.count > 6 else { return false }
    if period[4] == UInt8(ascii: "-") { return true }
    var at = 4
    while at < period.count, period[at] > UInt8(ascii: "9") { at += 1 }
    return at > 4 && at + 1 < period.count && period[at] == UInt8(ascii: "0")
  }

  @inline(__always)
  private func addCombo(_ line: DataValueLine, _ key: DataValueLine.Key, to hash: inout KeyHash) {
    let field = line[key]
    switch field.kind {
    case .string where field.length > 0: add(line, key, to: &hash)
    case .absent, .null, .string: defaultCombo.withUnsafeBytes { hash.add($0) }
    case .object: LineRules.canonical(line.bytes(field)).withUnsafeBytes { hash.add($0) }
    default: hash.add(line.bytes(field))
    }
  }
}
