import D2Common

/// Reads values and registrations of completeness from JSON. The input may contain consecutive objects (each on one
/// line or several lines), arrays of them, or whole DHIS2 documents with keys at their top.
package struct JSONReader {
  private let window: TextWindow
  private let names: FieldNames
  /// Reads the same text ahead of this reader, if that is possible.
  private let ahead: JSONTop?
  private let scratch = DataValueLine.Scratch()
  private let record = ValueRecord()
  private let keys: KeyReader

  /// - Parameter ahead: the same text again, to find the keys after a document's values before the values; `nil` if it
  ///   can be read only once.
  package init(_ window: TextWindow, ahead: TextWindow?, _ names: FieldNames) {
    self.window = window
    self.names = names
    self.ahead = ahead.map { JSONTop($0, names) }
    keys = KeyReader(names)
  }

  /// Whether a document begins here. It may have keys after its values that apply to the values.
  static func beginsWithDocument(_ window: TextWindow) throws -> Bool {
    try window.skipSpace() && JSONTop.isDocument(window)
  }

  /// Passes all values to the sink. - Throws: `CommandFailure`, 65 for malformed input; errors of the source.
  package func read(into sink: inout some ValueSink) throws {
    var ahead = ahead
    while try window.skipSpace() {
      if try JSONTop.isDocument(window) {
        try readDocument(ahead, into: &sink)
        continue
      }
      // `ahead` can read consecutive documents only.
      ahead = nil
      if window[0] == UInt8(ascii: "[") {
        window.advance(by: 1)
        try sink.begin(DocumentHeader())
        try readElements(into: &sink, mayBeDocuments: true)
        try sink.end(DocumentHeader())
      } else {
        try readObjects(into: &sink)
      }
    }
  }

  private func readDocument(_ ahead: JSONTop?, into sink: inout some ValueSink) throws {
    let top = JSONTop(window, names)
    let known = try ahead?.whole()
    try top.readBefore()
    try sink.begin(known ?? top.header)
    if top.isInArray {
      try readElements(into: &sink)
      try top.readBehind()
    }
    try sink.end(top.header)
  }

  /// Reads the elements of an array after its opening bracket, and the closing bracket.
  ///
  /// - Parameter mayBeDocuments: whether an element may be a whole document with values of its own.
  private func readElements(into sink: inout some ValueSink, mayBeDocuments: Bool = false) throws {
    try window.require("a value or ]")
    if window[0] == UInt8(ascii: "]") { return window.advance(by: 1) }
    while true {
      if mayBeDocuments, try JSONTop.isDocument(window) {
        try readDocument(nil, into: &sink)
        try sink.begin(DocumentHeader())
      } else {
        try takeObject(into: &sink)
      }
      try window.require("a comma or ]")
      if window[0] == UInt8(ascii: "]") { return window.advance(by: 1) }
      guard window[0] == UInt8(ascii: ",") else {
        throw window.malformed("a comma or ] is expected after a value, not \(window.shown())")
      }
      window.advance(by: 1)
      try window.require("a value")
    }
  }

  /// Reads consecutive objects, up to the end of the text.
  private func readObjects(into sink: inout some ValueSink) throws {
    try sink.begin(DocumentHeader())
    while try takeLines(into: &sink) { try takeObject(into: &sink) }
    try sink.end(DocumentHeader())
  }

  /// Reads objects as long as each is on a line of its own. False if the text ends.
  private func takeLines(into sink: inout some ValueSink) throws -> Bool {
    while try window.skipSpace() {
      let lineEnd = try window.lineEnd()
      var length = lineEnd ?? window.count
      while TextWindow.isSpace(window[length - 1]) { length -= 1 }
      guard let line = try? DataValueLine(window.padded(0..<length), scratch) else { return true }
      try take(line, length, into: &sink)
      if let lineEnd { window.advancePastLine(lineEnd) } else { window.advance(by: length) }
    }
    return false
  }

  /// Reads the object here, which may extend over several lines.
  private func takeObject(into sink: inout some ValueSink) throws {
    guard window[0] == UInt8(ascii: "{") else {
      throw window.malformed("a JSON object is expected here, not \(window.shown())")
    }
    let length = try JSONScan.length(ofNested: window, at: 0)
    let line: DataValueLine
    do throws(DataValueLine.Fault) { line = try DataValueLine(window.padded(0..<length), scratch) } catch {
      if let place = TextCheck.firstFaultOfUTF8(in: window.padded(0..<length).bytes) {
        throw window.malformed(EncodedSource.notUTF8, at: place)
      }
      throw window.malformed("\(error)")
    }
    try take(line, length, into: &sink)
    window.advance(by: length)
  }

  @inline(__always)
  private func take(_ line: DataValueLine, _ length: Int, into sink: inout some ValueSink) throws {
    let bytes = window.padded(0..<length).bytes
    if KeyReader.isRegistration(line) {
      try keys.checkRegistration(line, bytes, window)
      if KeyReader.isOneLine(bytes) { return try sink.take(registration: bytes) }
      // A JSON string never contains a raw line end, so all of them can be removed.
      try bytes.filter { $0 != 0x0A && $0 != 0x0D }.withUnsafeBytes { try sink.take(registration: $0) }
    } else {
      try keys.read(line, bytes, window, into: record)
      try sink.take(record)
    }
  }
}

extension TextWindow {
  /// Skips white space. - Throws: `CommandFailure`, 65 if the text ends there.
  func require(_ expected: String) throws {
    guard try skipSpace() else { throw malformed("the JSON ends early: \(expected) is expected") }
  }
}
