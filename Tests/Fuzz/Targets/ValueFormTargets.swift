import D2Common
import D2Convert

extension FuzzTarget {
  /// JSON of any shape: the same values come, or the same failure, whatever the chunks in which the text comes. What
  /// comes is JSON again, and a value that came as a line says what its fields say.
  static let documents = FuzzTarget(name: "documents") { input in
    try compareChunkings(of: input) { source, sink in
      try JSONReader(TextWindow(source), ahead: nil, FieldNames()).read(into: &sink)
    }
  }

  /// Tables and wide sheets: the same. The first byte of the input says how they are read.
  static let tables = FuzzTarget(name: "tables") { input in
    guard let mark = input.first else { return }
    var options = CSVOptions()
    options.hasHeader = mark & 1 == 0
    options.hasDecimalCommas = mark & 2 != 0
    options.periodType = mark & 4 != 0 ? .monthly : nil
    options.separator = mark & 8 != 0 ? UInt8(ascii: ";") : nil
    let shape = mark & 16 != 0 ? WideShape("orgUnit,dataElement") : nil
    try compareChunkings(of: Array(input.dropFirst())) { source, sink in
      if let shape {
        return try WideReader(TextWindow(source), FieldNames(), options, shape, nil).read(into: &sink)
      }
      try CSVReader(TextWindow(source), FieldNames(), options, given: []).read(into: &sink)
    }
  }

  private static func compareChunkings(
    of input: [UInt8], _ read: (any ByteSource, inout FormNotes) throws -> Void
  ) throws {
    func notes(_ chunking: Chunking) throws -> [String] {
      var sink = FormNotes()
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

/// Notes what a reader of JSON or of tables hands on.
private struct FormNotes: ValueSink {
  var notes: [String] = []

  mutating func begin(_ header: DocumentHeader) { notes.append("begin \(header.members.count)") }

  mutating func take(_ value: ValueRecord) {
    let cells = ValueField.allCases.filter { value[$0].form != .absent }.map { "\($0) \(shown(value[$0]))" }
    if let line = value.line {
      let members = (try? JSONValue(parsing: Array(line)))?.members
      mustHold(members?.count == cells.count, "the line \(Array(line)) has the fields \(cells)")
    }
    notes.append("\(value.place) " + cells.joined(separator: " "))
  }

  private func shown(_ cell: Cell) -> String {
    let text = String(validating: cell.bytes, as: UTF8.self)
    mustHold(text != nil, "\(Array(cell.bytes)) is UTF-8")
    let json: String? = cell.form == .string ? "\"\(text ?? "")\"" : cell.form == .json ? text : nil
    if let json { mustHold((try? JSONValue(parsing: Array(json.utf8))) != nil, "\(json) is JSON") }
    return "\(cell.form) \(text ?? "")"
  }

  mutating func take(registration: UnsafeRawBufferPointer) {
    mustHold((try? JSONValue(parsing: Array(registration))) != nil, "\(Array(registration)) is JSON")
    notes.append("registration")
  }

  mutating func end(_ header: DocumentHeader) {
    notes.append("end \(header.members.count) \(header.completeDate ?? "") \(header.idSchemes.count)")
  }
}
