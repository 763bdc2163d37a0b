import D2Common
import D2Convert

/// Records everything that a reader passes on, and checks that it is UTF-8, and JSON where it should be.
struct ValueNotes: ValueSink {
  /// XML has no registrations, and no JSON except the objects for categories.
  var isOfXML = false
  var notes: [String] = []

  mutating func begin(_ header: DocumentHeader) { note("begin", header) }

  mutating func take(_ value: ValueRecord) {
    let cells = ValueField.allCases.filter { value[$0].form != .absent }.map { "\($0) \(shown(value[$0]))" }
    if let line = value.line {
      let members = (try? JSONValue(parsing: Array(line)))?.members
      mustHold(members?.count == cells.count, "the line \(Array(line)) has the fields \(cells)")
    }
    notes.append("\(value.place) " + cells.joined(separator: " "))
  }

  private func shown(_ cell: Cell) -> String {
    guard let text = String(validating: cell.bytes, as: UTF8.self) else {
      mustHold(false, "\(Array(cell.bytes)) is UTF-8")
      return ""
    }
    let json: String? = cell.form == .string ? "\"\(text)\"" : cell.form == .json ? text : nil
    if let json {
      let value = try? JSONValue(parsing: Array(json.utf8))
      mustHold(value != nil, "\(json) is JSON")
      mustHold(!isOfXML || value?.members?.isEmpty == false, "\(json) is an object of options")
    }
    return "\(cell.form) \(text)"
  }

  mutating func take(registration: UnsafeRawBufferPointer) {
    mustHold(!isOfXML, "XML has no registrations: \(String(decoding: registration, as: UTF8.self))")
    mustHold((try? JSONValue(parsing: Array(registration))) != nil, "\(Array(registration)) is JSON")
    notes.append("registration")
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
