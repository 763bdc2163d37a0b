import D2Common

/// Reads values like servers up to 2.42 if there is an object or a list instead of a text: their parser loses its
/// position.
///
/// The parser does not skip the object or list. So the keys of an object count as the value's own, and its end counts
/// as the end of the value. The rest is read as another value. The end of a list counts as the end of all values, and
/// the rest as keys of the header (the recordings `coc-object`, `coc-array`, `value-object`).
struct NestedValueReader {
  /// The import ends with the parser's message.
  struct Damage: Error {
    let message: String
  }

  private var values: [IncomingValue] = []
  private var header: [JSONValue.Member]
  private let version: ServerVersion
  /// Whether a list has ended the values.
  private var hasEnded = false

  /// The values as such a server reads them, and the header with the keys that it adds.
  static func read(
    _ objects: [JSONValue], header: JSONValue, _ version: ServerVersion
  ) throws(Damage) -> ([IncomingValue], JSONValue) {
    var reader = NestedValueReader(header: header.members ?? [], version: version)
    for object in objects where !reader.hasEnded { try reader.read(object.members ?? []) }
    return (reader.values, .object(reader.header))
  }

  private init(header: [JSONValue.Member], version: ServerVersion) {
    self.header = header
    self.version = version
  }

  private mutating func read(_ members: [JSONValue.Member]) throws(Damage) {
    var value = IncomingValue()
    for (place, member) in members.enumerated() {
      let field = ValueScanner.Field(member.key)
      let isNested = member.value.members != nil || member.value.array != nil
      guard isNested, field != .other else {
        value.take(field, member.value, version)
        continue
      }
      guard field.isText else {
        throw Damage(message: "com.fasterxml.jackson.databind.exc.MismatchedInputException: Cannot deserialize value")
      }
      let rest = Array(members[(place + 1)...])
      if let list = member.value.array, !list.isEmpty {
        guard list.count == 1, list[0].scalarText != nil else {
          throw Damage(
            message: "com.fasterxml.jackson.databind.exc.MismatchedInputException: Cannot construct instance")
        }
        values.append(value)
        header.removeAll { old in rest.contains { $0.key == old.key } }
        header += rest
        hasEnded = true
        return
      }
      for inner in member.value.members ?? [] where inner.value.scalarText != nil {
        value.take(ValueScanner.Field(inner.key), inner.value, version)
      }
      values.append(value)
      return try read(rest)
    }
    values.append(value)
  }
}
