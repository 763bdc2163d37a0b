import CMemory
import D2Common

/// What a value gets appended so that its line stands alone.
///
/// Servers from 2.43 on write a `period`, `orgUnit` or `attributeOptionCombo` once at the top of the answer, and in no
/// value, when just one was asked for. Older servers write a header too but keep the keys in the values: there is
/// nothing to append then, and a key that a value has is never replaced. (docs/dhis2-servers.md, trap 10.)
package struct ValueCompletion: Sendable {
  /// A member of the document's top level, raw.
  struct Member: Equatable, Sendable {
    var key: [UInt8]
    /// `,"key":value` as it is appended.
    var appended: [UInt8]
    /// `"key":` as it is looked for in a value. A string cannot hold it: its quotes would be escaped.
    var pattern: [UInt8]
  }

  /// The keys that are given back to values that lack them.
  let hoistedKeys: [String]
  /// Appended to every value as its last members, with the comma before them.
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

  /// The hoisted members among those of the top level; a `null` has nothing to give.
  func hoistedMembers(in members: [(key: [UInt8], value: [UInt8])]) -> [Member] {
    hoistedKeys.compactMap { name in
      let key = Array(name.utf8)
      guard let value = members.last(where: { $0.key == key })?.value, value != Array("null".utf8) else { return nil }
      let pattern = [UInt8(ascii: "\"")] + key + [UInt8(ascii: "\""), UInt8(ascii: ":")]
      return Member(key: key, appended: [UInt8(ascii: ",")] + pattern + value, pattern: pattern)
    }
  }

  /// Appends an element (a compact JSON object) to the output, completed.
  func append(to output: inout ByteArray, element: UnsafeRawBufferPointer, hoisted: [Member]) {
    output.append(UnsafeRawBufferPointer(rebasing: element.dropLast()))
    let isEmptyObject = element.count == 2
    let start = output.count
    for member in hoisted where !Self.contains(element, member.pattern) { output.append(contentsOf: member.appended) }
    output.append(contentsOf: suffix)
    // `{}` has no member that the first comma could follow.
    if isEmptyObject, output.count > start { output.removeByte(at: start) }
    output.append(UInt8(ascii: "}"))
  }

  private static func contains(_ element: UnsafeRawBufferPointer, _ pattern: [UInt8]) -> Bool {
    pattern.withUnsafeBytes { d2_contains(element.baseAddress!, element.count, $0.baseAddress!, $0.count) != 0 }
  }
}
