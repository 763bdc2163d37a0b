import D2Common
import Synchronization

/// Some lines of the input, each checked and with its key: what one thread reads while another fills batches.
struct LocatedLines: Sendable {
  struct Line: Sendable {
    /// Where it stands in the text.
    var start: UInt32
    var length: UInt32
    /// Its number in the input.
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

  /// The lines one after the other, each followed by one byte that a comma can take.
  var text: [UInt8] = []
  var lines: [Line] = []
  var dataSets: [String] = []
  /// What ended the input before its end.
  var failure: CommandFailure?
  var isLast = false

  func bytes(of line: Line) -> ArraySlice<UInt8> { text[Int(line.start)..<Int(line.start + line.length)] }
}

/// Reads the input and locates its lines. One task uses it at a time.
final class LineLocator: @unchecked Sendable {
  /// A piece is handed on at this size, or when no whole line is left of what was read.
  private static let pieceBytes = 512 * 1024

  private var reader: LineReader
  private let scratch = DataValueLine.Scratch()
  private let isDataValues: Bool
  private let failsWholeGroups: Bool
  private let defaultCombo: [UInt8]
  private let server: DestinationTraits
  private let account: Account

  /// - Parameter stop: ends the waiting for input.
  init(_ options: PushOptions, _ server: DestinationTraits, _ account: Account, stop: StopSign) {
    reader = LineReader(descriptor: 0, stop: stop)
    isDataValues = options.kind == .dataValues
    failsWholeGroups = server.failsWholeGroups
    defaultCombo = server.defaultCombo
    self.server = server
    self.account = account
  }

  /// The next lines. A malformed one goes to the rejects, or ends the input where there are none.
  func next() -> LocatedLines {
    var piece = LocatedLines()
    piece.text.reserveCapacity(Self.pieceBytes + 64 * 1024)
    piece.lines.reserveCapacity(4096)
    do throws(CommandFailure) {
      repeat {
        guard let line = try reader.next() else {
          piece.isLast = true
          break
        }
        try add(UnsafeRawBufferPointer(line), to: &piece)
      } while piece.text.count < Self.pieceBytes && (reader.hasLine || piece.lines.isEmpty)
    } catch {
      piece.failure = error
      piece.isLast = true
    }
    return piece
  }

  /// The rest of the input goes to the rejects, since the server can take no more.
  func drain(_ reason: Refusal) throws {
    while let line = try reader.next() {
      if line.allSatisfy({ $0 <= 0x20 }) { continue }
      try account.notSent(line: UnsafeRawBufferPointer(line), number: reader.number, reason)
    }
  }

  @inline(__always)
  private func add(_ bytes: UnsafeRawBufferPointer, to piece: inout LocatedLines) throws(CommandFailure) {
    let line: DataValueLine
    do throws(DataValueLine.Fault) {
      line = try DataValueLine(bytes, scratch)
      try check(line)
    } catch {
      if bytes.allSatisfy({ $0 <= 0x20 }) { return }
      return try account.malformed(line: bytes, number: reader.number, "\(error)")
    }
    piece.lines.append(
      LocatedLines.Line(
        start: UInt32(piece.text.count), length: UInt32(bytes.count), number: reader.number, key: hash(line),
        dataSet: isDataValues && line[.dataSet].kind != .absent ? place(of: line.text(.dataSet), in: &piece) : -1,
        isDoubtful: failsWholeGroups && server.mayFailRequest(line),
        needsRewriting: failsWholeGroups && ValueRewriter.isNeeded(line)))
    piece.text.append(contentsOf: bytes)
    piece.text.append(UInt8(ascii: ","))
  }

  private func place(of dataSet: String?, in piece: inout LocatedLines) -> Int32 {
    guard let dataSet else { return -1 }
    if let place = piece.dataSets.lastIndex(of: dataSet) { return Int32(place) }
    piece.dataSets.append(dataSet)
    return Int32(piece.dataSets.count - 1)
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
