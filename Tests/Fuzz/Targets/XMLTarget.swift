import D2Common
import D2Convert

extension FuzzTarget {
  /// The same values come, and then a failure or none, whatever the chunks in which the text comes; and all that comes
  /// is UTF-8. Which one of two faults is named may differ: expat may see the second before the first is handed on.
  static let xml = FuzzTarget(name: "xml") { input in
    // UTF-16 is decoded before: expat's own guess at it depends on the chunks.
    guard !input.prefix(4).contains(where: { $0 == 0 || $0 >= 0xFE }) else { return }
    let expected = try read(input, .whole)
    for chunking in Chunking.allCases where chunking != .whole {
      let found = try read(input, chunking)
      mustHold(found == expected, "\(found) in \(chunking) is \(expected)")
    }
  }

  private static func read(_ input: [UInt8], _ chunking: Chunking) throws -> [String] {
    var values = ValueNotes()
    do {
      try XMLReader(FieldNames(), isUTF8: false).read(ByteChunks(input, chunking), into: &values)
    } catch let failure as CommandFailure {
      mustHold(failure.exitStatus == .malformedInput, "\(failure) is malformed input")
      values.notes.append("malformed")
    }
    return values.notes
  }
}

/// Notes what a reader hands on.
private struct ValueNotes: ValueSink {
  var notes: [String] = []

  mutating func begin(_ header: DocumentHeader) { note("begin", header) }

  mutating func take(_ value: ValueRecord) {
    var note = "\(value.place)"
    for field in ValueField.allCases where value[field].form != .absent {
      let cell = value[field]
      guard let text = String(validating: cell.bytes, as: UTF8.self) else {
        return mustHold(false, "\(field) is UTF-8: \(Array(cell.bytes))")
      }
      if cell.form == .json {
        let object = try? JSONValue(parsing: Array(cell.bytes))
        mustHold(object?.members?.isEmpty == false, "\(text) is an object of options")
      }
      note += " \(field) \(cell.form) \(text)"
    }
    notes.append(note)
  }

  mutating func take(registration: UnsafeRawBufferPointer) {
    mustHold(false, "XML has no registrations: \(String(decoding: registration, as: UTF8.self))")
  }

  mutating func end(_ header: DocumentHeader) { note("end", header) }

  private mutating func note(_ what: String, _ header: DocumentHeader) {
    let members = ValueField.allCases.compactMap { field in
      header.members[field].map { json in
        mustHold((try? JSONValue(parsing: json)) != nil, "\(field) is JSON: \(json)")
        return "\(field)=\(String(decoding: json, as: UTF8.self))"
      }
    }
    let schemes = header.idSchemes.map { "\($0.key)=\($0.scheme)" }
    notes.append(([what] + members + schemes + [header.completeDate ?? ""]).joined(separator: " "))
  }
}
