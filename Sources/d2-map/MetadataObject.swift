import D2Common

/// An object of a server's metadata, with the traits that are used for matching.
struct MetadataObject: Equatable, Sendable {
  let uid: String
  let name: String
  var code: String?
  /// The parent of an organisation unit, or the owner of another object.
  var parent: String?
  /// For a category option combo: its options.
  var options: Set<String> = []

  init(uid: String, name: String, code: String? = nil, parent: String? = nil, options: Set<String> = []) {
    self.uid = uid
    self.name = name
    self.code = code
    self.parent = parent
    self.options = options
  }

  /// `nil` for an object without an id.
  init?(_ json: JSONValue) {
    guard let uid = json["id"]?.string else { return nil }
    self.init(
      uid: uid, name: json["name"]?.string ?? "", code: json["code"]?.string.flatMap { $0.isEmpty ? nil : $0 },
      parent: json["parent"]?["id"]?.string,
      options: Set(json.uids("categoryOptions")))
  }

  /// Signs with a meaning in names: "< 5 years" is not "> 5 years".
  private static let signs: Set<Unicode.Scalar> = ["<", ">", "≤", "≥", "+", "="]

  /// The name without differences in case, accents, punctuation and white space.
  var normalisedName: String { Self.normalised(name) }

  static func normalised(_ name: String) -> String {
    var words: [String] = []
    var word = ""
    for scalar in name.lowercased().decomposed {
      if scalar.properties.isAlphabetic || scalar.properties.numericType != nil {
        word.unicodeScalars.append(scalar)
      } else if signs.contains(scalar) {
        if !word.isEmpty { words.append(word) }
        word = ""
        words.append(String(scalar))
      } else if !scalar.properties.isDiacritic, scalar.properties.generalCategory != .nonspacingMark, !word.isEmpty {
        words.append(word)
        word = ""
      }
    }
    if !word.isEmpty { words.append(word) }
    return words.joined(separator: " ")
  }
}

extension String {
  /// Letters and accents separated (canonical decomposition, for Latin scripts).
  fileprivate var decomposed: [Unicode.Scalar] {
    unicodeScalars.flatMap { scalar -> [Unicode.Scalar] in
      // The name of a composed letter contains its parts: LATIN SMALL LETTER E WITH ACUTE.
      guard (0xC0...0x24F).contains(scalar.value), let name = scalar.properties.name,
        let with = name.firstRange(of: " WITH "), let letter = name[..<with.lowerBound].last,
        name[..<with.lowerBound].hasPrefix("LATIN SMALL LETTER "), name[..<with.lowerBound].count == 20
      else { return [scalar] }
      return Array(letter.lowercased().unicodeScalars)
    }
  }
}
