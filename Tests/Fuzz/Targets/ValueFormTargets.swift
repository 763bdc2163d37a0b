import D2Common
import D2Convert

extension FuzzTarget {
  /// For JSON of any form, the values or the failure are the same, whatever the chunks. The output is JSON too, and a
  /// value that came as a line has the content of its fields.
  static let documents = FuzzTarget(name: "documents") { input in
    try compareChunkings(of: input) { source, sink in
      try JSONReader(TextWindow(source), ahead: nil, FieldNames()).read(into: &sink)
    }
  }

  /// The same for tables and wide sheets. The first byte of the input selects how to read them.
  static let tables = FuzzTarget(name: "tables") { input in
    guard let mark = input.first else { return }
    var options = CSVOptions()
    options.hasHeader = mark & 1 == 0
    options.hasDecimalCommas = mark & 2 != 0
    options.periodType = mark & 4 != 0 ? .monthly : nil
    options.separator = mark & 8 != 0 ? UInt8(ascii: ";") : nil
    let shape = mark & 16 != 0 ? WideShape("orgUnit,dataElement") : nil
    try compareChunkings(of: Array(input.dropFirst())) { source, sink in
      let window = TextWindow(source)
      let numbers = DecimalCommas(areRead: options.hasDecimalCommas)
      if let shape {
        return try WideReader(window, FieldNames(), options, numbers, shape, nil).read(into: &sink)
      }
      try CSVReader(window, FieldNames(), options, numbers, given: []).read(into: &sink)
    }
  }

  private static func compareChunkings(
    of input: [UInt8], _ read: (any ByteSource, inout ValueNotes) throws -> Void
  ) throws {
    func notes(_ chunking: Chunking) throws -> [String] {
      var sink = ValueNotes()
      do { try read(ByteChunks(input, chunking), &sink) } catch let failure as CommandFailure {
        mustHold(failure.exitStatus == .malformedInput, "\(failure) is malformed input")
        sink.notes.append(failure.message)
      }
      return sink.notes
    }
    let expected = try notes(.whole)
    for chunking in Chunking.allCases where chunking != .whole {
      let found = try notes(chunking)
      mustHold(found == expected, "\(found) in \(chunking) is \(expected)")
    }
  }
}
