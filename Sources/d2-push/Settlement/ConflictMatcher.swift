import D2Client
import D2Common

/// The ids of a value as the server's messages spell them.
struct ValueIDs: Sendable {
  var dataElement = ""
  var period = ""
  var orgUnit = ""
  var categoryOptionCombo = ""
  var attributeOptionCombo = ""
  var dataSet = ""
  var value = ""

  /// Reads them from the bytes of a value. A missing option combo is the default one.
  init(_ bytes: ArraySlice<UInt8>, defaultCombo: String, _ scratch: DataValueLine.Scratch) {
    _ = DataValueLine.reading(bytes, scratch) { line in
      dataElement = line.text(.dataElement) ?? ""
      period = line.text(.period) ?? ""
      orgUnit = line.text(.orgUnit) ?? line.text(.organisationUnit) ?? ""
      func combo(_ key: DataValueLine.Key) -> String {
        line.text(key).flatMap { $0.isEmpty ? nil : $0 } ?? defaultCombo
      }
      categoryOptionCombo = combo(.categoryOptionCombo)
      attributeOptionCombo = combo(.attributeOptionCombo)
      dataSet = line.text(.dataSet) ?? ""
      value = line.text(.value) ?? ""
    }
  }
}

/// The ids of a batch's values, each read when first needed.
final class BatchIDs {
  private let batch: Batch
  private let defaultCombo: String
  private let scratch = DataValueLine.Scratch()
  private var known: [Int: ValueIDs] = [:]

  init(_ batch: Batch, defaultCombo: [UInt8]) {
    self.batch = batch
    self.defaultCombo = String(decoding: defaultCombo, as: UTF8.self)
  }

  /// - Parameter index: the index of a value in the batch.
  subscript(index: Int) -> ValueIDs {
    if let ids = known[index] { return ids }
    let ids = ValueIDs(batch.bytes(of: batch.values[index]), defaultCombo: defaultCombo, scratch)
    known[index] = ids
    return ids
  }
}

/// Finds the values that a conflict is about, from the ids in its text, if the server gives no positions.
///
/// Servers from 2.43 on fail a whole group, and name everything at fault between backticks: "Data set S not usable with
/// org unit(s): `[A, B]`". It is known what each code names (docs/dhis2-servers.md, "Texts of conflicts"). For an
/// unknown code there is no conclusion.
struct ConflictMatcher {
  private let conflict: ImportSummary.Conflict
  private let named: Set<String>

  init(_ conflict: ImportSummary.Conflict) {
    self.conflict = conflict
    named = Self.quotedIDs(conflict.message)
  }

  /// The ids between the last pair of backticks: one, or a list in brackets.
  private static func quotedIDs(_ message: String) -> Set<String> {
    let pieces = message.split(separator: "`", omittingEmptySubsequences: false)
    guard pieces.count >= 3 else { return [] }
    var list = pieces[pieces.count - 2]
    if list.hasPrefix("["), list.hasSuffix("]") { list = list.dropFirst().dropLast() }
    return Set(list.split(separator: ",").map { $0.drop { $0 == " " } }.map(String.init))
  }

  /// The word that follows a phrase in the message.
  private func word(after words: String) -> String? {
    guard let range = conflict.message.firstRange(of: words) else { return nil }
    return conflict.message[range.upperBound...].split { " `:,".contains($0) }.first.map(String.init)
  }

  /// The data set that the message names before what is wrong: `… for data set S and period(s): …`.
  var dataSet: String? { word(after: "data set ") }

  /// Whether the conflict is about an id that the server does not have, and so about each value with that id. Up to
  /// 2.36 there are no codes.
  var isAboutID: Bool {
    if let code = conflict.code { return ["E7610", "E7611", "E7612", "E7613", "E7615"].contains(code) }
    return conflict.message.contains("not found or not accessible")
  }

  /// Whether the conflict is about a value; `nil` if its text does not say so.
  func names(_ ids: ValueIDs) -> Bool? {
    switch conflict.code {
    case "E8003", "E8020", "E8102", "E8103", "E8104": named.contains(ids.dataElement)
    case "E8021", "E8030": named.contains(ids.period)
    case "E8011", "E8022", "E8105", "E8106", "E8107": named.contains(ids.orgUnit)
    case "E8023", "E8110", "E8111": named.contains(ids.attributeOptionCombo)
    case "E8108", "E8109": named.contains(ids.categoryOptionCombo)
    case "E8024": word(after: "data element ") == ids.dataElement && named.contains(ids.categoryOptionCombo)
    case "E8025": word(after: "combo ") == ids.attributeOptionCombo && named.contains(ids.orgUnit)
    case "E8031": word(after: "org unit ") == ids.orgUnit && named.contains(ids.period)
    case "E8032": word(after: "combo ") == ids.attributeOptionCombo && named.contains(ids.period)
    case "E8033":
      word(after: "combo ") == ids.attributeOptionCombo && word(after: "org unit ") == ids.orgUnit
        && named.contains(ids.period)
    case "E8004", "E8005", "E8010": true
    case let code? where code.hasPrefix("E8"): nil
    default: namesByObject(ids)
    }
  }

  /// For servers up to 2.42: uses the objects that the conflict lists, or else the one id or value in its text.
  private func namesByObject(_ ids: ValueIDs) -> Bool? {
    // E7615 is about the attribute option combo, but the server lists it as a category option combo
    // (docs/dhis2-servers.md, "Texts of conflicts").
    let listedCombo = conflict.code == "E7615" ? ids.attributeOptionCombo : ids.categoryOptionCombo
    let listed: [(String, String)] = [
      ("dataElement", ids.dataElement), ("period", ids.period), ("orgUnit", ids.orgUnit),
      ("organisationUnit", ids.orgUnit),
      ("categoryOptionCombo", listedCombo), ("attributeOptionCombo", ids.attributeOptionCombo),
    ]
    let relevant = listed.compactMap { key, id in conflict.objects[key].map { $0 == id } }
    if !relevant.isEmpty { return !relevant.contains(false) }
    let all = [
      ids.dataElement, ids.period, ids.orgUnit, ids.categoryOptionCombo, ids.attributeOptionCombo, ids.dataSet,
      ids.value,
    ]
    if let object = conflict.object, !object.isEmpty { return all.contains(object) }
    return named.isEmpty ? nil : !named.isDisjoint(with: all)
  }

  /// What a refused value shares with all others that this code would affect in the same way. d2-push remembers it, and
  /// then sends similar values separately. `nil` for codes that affect one value only.
  static func signature(_ code: String, _ ids: ValueIDs, _ dataSet: String?) -> String? {
    switch code {
    case "E8104", "E8103": "\(code) \(ids.dataElement)"
    case "E8020": "\(code) \(dataSet ?? "") \(ids.dataElement)"
    case "E8021", "E8030": "\(code) \(dataSet ?? "") \(ids.period)"
    case "E8106", "E8107", "E8011": "\(code) \(ids.orgUnit)"
    case "E8022": "\(code) \(dataSet ?? "") \(ids.orgUnit)"
    case "E8023", "E8111": "\(code) \(dataSet ?? "") \(ids.attributeOptionCombo)"
    case "E8109": "\(code) \(ids.categoryOptionCombo)"
    case "E8024": "\(code) \(ids.dataElement) \(ids.categoryOptionCombo)"
    case "E8025": "\(code) \(ids.attributeOptionCombo) \(ids.orgUnit)"
    case "E8031": "\(code) \(ids.orgUnit) \(ids.period)"
    case "E8032": "\(code) \(ids.attributeOptionCombo) \(ids.period)"
    case "E8033": "\(code) \(ids.attributeOptionCombo) \(ids.orgUnit) \(ids.period)"
    default: nil
    }
  }
}
