import D2Client
import D2Common

/// The data elements of one block of the input, by number, and how the destination keeps their values.
struct BlockElements {
  /// The uids, by number. Number 0 means a text that is not a uid, or an element beyond the maximum.
  private var names: [String] = [""]
  /// The hashes of all texts, and the number for each.
  private var hashes = HashTable()
  private var numbers: [UInt16] = []

  private static let most = Int(UInt16.max)

  /// The number of an element in this block.
  @inline(__always)
  mutating func number(of element: UnsafeRawBufferPointer) -> UInt16 {
    var hash = KeyHash()
    hash.add(element)
    let (place, isNew) = hashes.enter(hash.value)
    if isNew { add(element) }
    return numbers[place]
  }

  @inline(never)
  private mutating func add(_ element: UnsafeRawBufferPointer) {
    guard names.count < Self.most, UID.canBe(bytes: element) else { return numbers.append(0) }
    numbers.append(UInt16(names.count))
    names.append(String(decoding: element, as: UTF8.self))
  }

  /// Sets the fate of each line, and removes the lines that are not sent.
  func judge(_ piece: inout LocatedLines, _ directory: ElementDirectory, _ keeping: ValueKeeping) {
    let known = directory.traits(of: Array(names.dropFirst()))
    let traits = names.map { known[$0] }
    let holdFiles = traits.contains { $0?.contains(.holdsFiles) ?? false }
    for index in piece.lines.indices where !piece.lines[index].oddity.isNone {
      let line = piece.lines[index]
      piece.lines[index].fate = keeping.fate(line.oddity, of: traits[Int(line.element)])
    }
    guard holdFiles else { return }
    func holdsFiles(_ line: LocatedLines.Line) -> Bool {
      traits[Int(line.element)]?.contains(.holdsFiles) ?? false
    }
    let files = piece.lines.filter(holdsFiles)
    piece.lines.removeAll(where: holdsFiles)
    let faults = files.map { line in
      LocatedLines.Fault(
        number: line.number, kept: .value(piece.place(of: line)),
        what:
          "the data element \(names[Int(line.element)]) holds files (FILE_RESOURCE or IMAGE): the file does not travel with the value, so it was not sent",
        endsInput: false)
    }
    piece.faults += faults
    piece.keysNotSent += files.map(\.key)
  }
}
