import CMemory
import D2Common

/// The members to append to a value, so that its line can stand alone.
///
/// If only one `period`, `orgUnit` or `attributeOptionCombo` was requested, servers from 2.43 on write it once at the
/// top of the answer, and not in the values. Older servers also write such a header, but keep the keys in the values.
/// Then there is nothing to append, because an existing key of a value is never replaced. (docs/dhis2-servers.md, trap
/// 10.)
package struct ValueCompletion: Sendable {
  /// A member of the document's top level, raw.
  struct Member: Equatable, Sendable {
    var key: [UInt8]
    /// `,"key":value`, the bytes to append.
    var appended: [UInt8]
    /// `"key":`, the bytes to search for in a value. A string cannot contain them, because its quotes would be escaped.
    var pattern: [UInt8]
  }

  /// The keys to add to values that lack them.
  let hoistedKeys: [String]
  /// The last members of every value, with a comma before them.
  let suffix: [UInt8]

  package static let none = ValueCompletion(hoistedKeys: [], suffix: [])

  /// The keys that servers from 2.43 on hoist (docs/dhis2-servers.md, trap 10).
  package static let keysHoistedByDHIS2 = ["period", "orgUnit", "attributeOptionCombo"]

  package init(hoistedKeys: [String] = keysHoistedByDHIS2, dataSet: String? = nil) {
    var suffix: [UInt8] = []
    if let dataSet {
      suffix += #","dataSet":"#.utf8
      JSONValue.writeString(dataSet, to: &suffix)
    }
    self.init(hoistedKeys: hoistedKeys, suffix: suffix)
  }

  private init(hoistedKeys: [String], suffix: [UInt8]) {
    self.hoistedKeys = hoistedKeys
    self.suffix = suffix
  }

  var isNone: Bool { hoistedKeys.isEmpty }

  /// The hoisted members among those of the top level, except `null`.
  func hoistedMembers(in members: [(key: [UInt8], value: [UInt8])]) -> [Member] {
    hoistedKeys.compactMap { name in
      let key = Array(name.utf8)
      guard let value = members.last(where: { $0.key == key })?.value, value != Array("null".utf8) else { return nil }
      let pattern = [UInt8(ascii: "\"")] + key + [UInt8(ascii: "\""), UInt8(ascii: ":")]
      return Member(key: key, appended: [UInt8(ascii: ",")] + pattern + value, pattern: pattern)
    }
  }

  /// Appends an element (a compact JSON object) to the output, and completes it.
  func append(to output: inout ByteArray, element: UnsafeRawBufferPointer, hoisted: [Member]) {
    output.append(UnsafeRawBufferPointer(rebasing: element.dropLast()))
    let isEmptyObject = element.count == 2
    let start = output.count
    for member in hoisted where !Self.contains(element, member.pattern) { output.append(contentsOf: member.appended) }
    output.append(contentsOf: suffix)
    // `{}` has no member, so there must be no comma before the first one.
    if isEmptyObject, output.count > start { output.removeByte(at: start) }
    output.append(UInt8(ascii: "}"))
  }

  private static func contains(_ element: UnsafeRawBufferPointer, _ pattern: [UInt8]) -> Bool {
    pattern.withUnsafeBytes { d2_contains(element.baseAddress!, element.count, $0.baseAddress!, $0.count) != 0 }
  }
}
