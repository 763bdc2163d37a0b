import D2Client
import D2Common
import D2Store
import Glibc

/// Locates the lines of blocks. Several blocks may be located at once.
struct LineLocator: Sendable {
  private let isDataValues: Bool
  /// Whether to keep registrations among values for later.
  private let takesRegistrations: Bool
  private let isForQueue: Bool
  private let registrationRules: LineRules
  private let failsWholeGroups: Bool
  private let key: LineKey
  private let server: DestinationTraits
  private let rules: LineRules
  private let keeping: ValueKeeping
  private let elements: ElementDirectory?

  /// - Parameter elements: knows which values the destination does not keep; `nil` if it is not asked.
  init(_ options: PushOptions, _ server: DestinationTraits, _ elements: ElementDirectory? = nil) {
    isDataValues = options.kind == .dataValues
    isForQueue = options.queue != nil
    takesRegistrations = isDataValues && !isForQueue && !options.deletesStale
    registrationRules = LineRules(options.ofRegistrations, server)
    failsWholeGroups = server.failsWholeGroups
    key = LineKey(options.kind, defaultCombo: server.defaultCombo)
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
    // The lines stay where they are. A batch takes runs of them, and turns their line ends into commas.
    piece.text = block
    let end = block.count - PaddedLine.paddingBytes
    var names = elements == nil ? nil : BlockElements()
    var sets = BlockDataSets()
    block.withUnsafeBytes { text in
      var begin = 0
      while begin < end {
        piece.lineCount += 1
        // If the layout of a line is known, it also gives the line's end.
        let familiar = DataValueLine(leading: PaddedLine(begin..<end, of: text), scratch)
        let length = familiar?.length ?? Self.length(ofLineAt: begin, of: text)
        if let line = read(familiar, PaddedLine(begin..<begin + length, of: text), scratch, &piece) {
          piece.lines.append(located(line, start: begin, length: length, number: piece.lineCount, &sets, &names))
        }
        begin += length + (text[begin + length] == 0x0D ? 2 : 1)
      }
    }
    piece.dataSets = sets.names
    if let names, let elements { names.judge(&piece, elements, keeping) }
    return piece
  }

  /// The length of a line without its line end, LF or CRLF.
  @inline(never)
  private static func length(ofLineAt begin: Int, of text: UnsafeRawBufferPointer) -> Int {
    let found = memchr(text.baseAddress! + begin, 0x0A, text.count - begin)!
    let length = UnsafeRawPointer(found) - text.baseAddress! - begin
    return length > 0 && text[begin + length - 1] == 0x0D ? length - 1 : length
  }

  /// Checks the current line; `nil` if it is blank or not a value.
  ///
  /// - Parameter familiar: the line, if its layout was known.
  @inline(__always)
  private func read(
    _ familiar: DataValueLine?, _ text: PaddedLine, _ scratch: DataValueLine.Scratch, _ piece: inout LocatedLines
  ) -> DataValueLine? {
    do throws(DataValueLine.Fault) {
      let line = if let familiar { familiar } else { try DataValueLine(unfamiliar: text, scratch) }
      try rules.check(line)
      return line
    } catch {
      if let end = EndLine(text.bytes) {
        piece.ends.append(end)
      } else if isRegistration(text, scratch) {
        piece.registrations.append((piece.lineCount, Array(text.bytes)))
      } else if !text.isBlank {
        let kept = LocatedLines.Fault.Kept.text(String(decoding: text.bytes, as: UTF8.self))
        let what = isMisplaced(text, scratch) ? Self.misplaced : "\(error)"
        piece.faults.append(.init(number: piece.lineCount, kept: kept, what: what))
      }
      return nil
    }
  }

  /// Whether a line that is not a value is a registration that can be posted.
  private func isRegistration(_ text: PaddedLine, _ scratch: DataValueLine.Scratch) -> Bool {
    guard takesRegistrations, let line = try? DataValueLine(text, scratch), line.dataKind == .registrations else {
      return false
    }
    return (try? registrationRules.check(line)) != nil
  }

  private static let misplaced =
    "a registration, and a queue takes values alone (d2-pull --without-registrations leaves registrations out)"

  /// Whether a line is a registration for a queue.
  private func isMisplaced(_ text: PaddedLine, _ scratch: DataValueLine.Scratch) -> Bool {
    isDataValues && isForQueue && (try? DataValueLine(text, scratch))?.dataKind == .registrations
  }

  @inline(__always)
  private func located(
    _ line: DataValueLine, start: Int, length: Int, number: Int, _ sets: inout BlockDataSets,
    _ names: inout BlockElements?
  ) -> LocatedLines.Line {
    var located = LocatedLines.Line(
      start: UInt32(start), length: UInt32(length), number: number, key: key.hash(line),
      dataSet: group(of: line, &sets),
      isDoubtful: failsWholeGroups && server.mayFailRequest(line),
      needsRewriting: failsWholeGroups && ValueRewriter.isNeeded(line))
    if names != nil {
      located.oddity = keeping.oddity(of: line)
      located.element = names!.number(of: line.bytes(line[.dataElement]))
    }
    return located
  }

  /// The group of lines that may share a request: values of one data set, or registrations to be deleted, which need a
  /// request of their own.
  @inline(__always)
  private func group(of line: DataValueLine, _ sets: inout BlockDataSets) -> Int32 {
    if isDataValues { return line[.dataSet].kind == .absent ? -1 : sets.number(of: line) }
    return line.isTrue(.deleted) ? sets.number(of: LocatedLines.deletedRegistrations) : -1
  }
}

/// The data sets that the lines of a block name, by number.
private struct BlockDataSets {
  private(set) var names: [String] = []
  /// The bytes of the last data set in the block. Exports are usually sorted, so the next line often has the same one.
  private var last = UnsafeRawBufferPointer(start: nil, count: 0)
  private var lastNumber: Int32 = -1

  /// The number of the data set of a line; -1 if it is null.
  @inline(__always)
  mutating func number(of line: DataValueLine) -> Int32 {
    let field = line[.dataSet]
    let bytes = line.bytes(field)
    if bytes.count == last.count, lastNumber >= 0, field.kind != .null,
      memcmp(bytes.baseAddress!, last.baseAddress!, bytes.count) == 0
    {
      return lastNumber
    }
    guard let name = line.text(.dataSet) else { return -1 }
    last = bytes
    lastNumber = number(of: name)
    return lastNumber
  }

  @inline(never)
  mutating func number(of name: String) -> Int32 {
    if let place = names.lastIndex(of: name) { return Int32(place) }
    names.append(name)
    return Int32(names.count - 1)
  }
}
