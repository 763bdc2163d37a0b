import D2Common
import D2Convert

extension FuzzTarget {
  /// The values, and the failure if there is one, are the same, whatever the chunks. All output is UTF-8. If there are
  /// two faults, either may be reported: expat may find the second before the first is passed on.
  static let xml = FuzzTarget(name: "xml") { input in
    // UTF-16 is decoded earlier, because expat's own detection depends on the chunks.
    guard !input.prefix(4).contains(where: { $0 == 0 || $0 >= 0xFE }) else { return }
    let expected = try read(input, .whole)
    for chunking in Chunking.allCases where chunking != .whole {
      let found = try read(input, chunking)
      mustHold(found == expected, "\(found) in \(chunking) is \(expected)")
    }
  }

  private static func read(_ input: [UInt8], _ chunking: Chunking) throws -> [String] {
    var values = ValueNotes(isOfXML: true)
    do {
      try XMLReader(FieldNames(), isUTF8: false).read(ByteChunks(input, chunking), into: &values)
    } catch let failure as CommandFailure {
      mustHold(failure.exitStatus == .malformedInput, "\(failure) is malformed input")
      values.notes.append("malformed")
    }
    return values.notes
  }
}
