import D2Client
import D2Common

extension FuzzTarget {
  /// A written document is read as the same, and its text is the shortest. The offset of a fault is within the text.
  static let json = FuzzTarget(name: "json") { input in
    let document: JSONValue
    do throws(JSONSyntaxError) { document = try JSONValue(parsing: input) } catch {
      mustHold((0...input.count).contains(error.offset), "\(error) lies within the text")
      return
    }
    let text = document.text
    let again = try JSONValue(parsing: text)
    mustHold(again == document, "\(text) is what was read")
    mustHold(again.text.utf8.elementsEqual(text.utf8), "\(text) stays as it is")
    mustHold(!text.utf8.contains { $0 < 0x20 }, "\(text) is one line")
    mustHold(document.levels <= 64, "at most 64 levels")

    guard document.members != nil else { return }
    let line = try? JSONValue(parsing: Array(text.utf8))
    mustHold(line == document, "a line")
  }

  /// A summary is the same bare and wrapped, and its counts can be added up.
  static let summary = FuzzTarget(name: "summary") { input in
    guard let document = try? JSONValue(parsing: input), let summary = ImportSummary(document) else { return }
    let counts = [summary.imported, summary.updated, summary.ignored, summary.deleted]
    mustHold(counts.allSatisfy { (0...1 << 31).contains($0) }, "\(counts) are counts")
    mustHold(summary.accepted >= 0, "\(summary.accepted) were accepted")
    mustHold(ImportSummary(try JSONValue(parsing: document.text)) == summary, "it survives being written")
    let isBare = document["response"] == nil
    guard isBare, document.text.utf8.count < 60_000, document.levels < 64 else { return }
    var wrapped = ImportSummary(.object([.init("httpStatusCode", 200), .init("response", document)]))
    mustHold(wrapped != nil, "it is found where it is wrapped")
    // Only a bare summary can have a status outside of it.
    wrapped?.status = summary.status
    mustHold(wrapped == summary, "it is the same where it is wrapped")
  }
}

extension JSONValue {
  /// The nesting depth of arrays and objects.
  fileprivate var levels: Int {
    switch self {
    case .array(let elements): 1 + (elements.map(\.levels).max() ?? 0)
    case .object(let members): 1 + (members.map(\.value.levels).max() ?? 0)
    default: 0
    }
  }
}
