import D2Common

/// Writes the `completeDate`s of documents as registrations of completeness, one on each line of a file.
final class CompletionFile {
  private let file: ReplacedFile

  /// - Throws: `CommandFailure`, 73.
  init(_ path: String) throws { file = try ReplacedFile(path, mode: 0o644) }

  /// Writes the registration for a document's top.
  ///
  /// - Throws: `CommandFailure`: 65 if the top lacks a key that the registration needs; 73.
  func add(_ header: DocumentHeader, _ date: String, _ input: String) throws {
    var line = Array("{".utf8)
    let keys: [(ValueField, String)] = [
      (.dataSet, "dataSet"), (.period, "period"), (.orgUnit, "organisationUnit"),
      (.attributeOptionCombo, "attributeOptionCombo"),
    ]
    for (field, key) in keys {
      guard let value = header.members[field] else {
        if field == .attributeOptionCombo { continue }
        throw CommandFailure.malformed(
          input, nil, "the document has a completeDate, but no \(field.key.quoted) to register as complete")
      }
      line += Array("\"\(key)\":".utf8) + value + [UInt8(ascii: ",")]
    }
    line += "\"date\":".utf8
    JSONValue.writeString(date, to: &line)
    line += ",\"completed\":true}\n".utf8
    try file.write(line)
  }

  /// Puts the file in place. - Throws: `CommandFailure`, 73.
  func finish() throws { try file.finish() }
}
