import D2Common
import D2Store

/// Why something went wrong, and where. Texts that differ only in ids are one cause.
struct Cause: Sendable {
  /// The text, with `…` for ids.
  let pattern: String
  /// Values that were refused, or slices that failed.
  var count = 0
  var slices = 0
  /// The whole texts with their counts.
  var texts = Bounded<String>(most: 100)
  var places = Bounded<Place>(most: 400)
  /// Some of its slices: those with the highest counts.
  var examples: [(slice: Slice, count: Int)] = []

  struct Place: Hashable, Sendable {
    let dataSet: String
    let periods: String
  }

  static let mostExamples = 10
}

/// Counts up to `most` different keys. Of the others it has only the total.
struct Bounded<Key: Hashable & Sendable>: Sendable {
  private let most: Int
  private(set) var counts: [Key: Int] = [:]
  private(set) var others = 0

  init(most: Int) { self.most = most }

  mutating func add(_ key: Key, _ count: Int) {
    if counts[key] != nil || counts.count < most { counts[key, default: 0] += count } else { others += count }
  }

  /// The most frequent keys, and the total of all others.
  func top(_ number: Int, before: (Key, Key) -> Bool) -> (items: [(key: Key, count: Int)], rest: Int) {
    let sorted = counts.sorted { $0.value != $1.value ? $0.value > $1.value : before($0.key, $1.key) }
    let items = sorted.prefix(number).map { (key: $0.key, count: $0.value) }
    return (items, sorted.dropFirst(number).reduce(others) { $0 + $1.value })
  }
}

/// Causes with their counts, in bounded memory.
struct CauseTally: Sendable {
  private var causes: [String: Cause] = [:]
  /// The count of causes beyond those that are listed separately.
  private(set) var others = 0
  private(set) var total = 0

  private static let mostCauses = 300
  /// Longer texts are cut, because their differences are at the beginning.
  static let mostCharacters = 300

  mutating func add(_ text: String, _ count: Int, of slice: Slice) {
    guard count > 0 else { return }
    total += count
    let text = text.clipped(Self.mostCharacters)
    let pattern = Self.pattern(text)
    guard causes[pattern] != nil || causes.count < Self.mostCauses else {
      others += count
      return
    }
    causes[pattern, default: Cause(pattern: pattern)].add(text, count, slice)
  }

  /// The most frequent causes, and the total of all others.
  func top(_ number: Int) -> (causes: [Cause], rest: Int) {
    let sorted = causes.values.sorted { ($1.count, $0.pattern) < ($0.count, $1.pattern) }
    return (Array(sorted.prefix(number)), sorted.dropFirst(number).reduce(others) { $0 + $1.count })
  }

  /// A text without its ids: without what is in backticks or quotation marks, and without what looks like a uid.
  static func pattern(_ text: String) -> String {
    var out = ""
    var rest = Substring(text)
    while let first = rest.first {
      if first == "`" || first == "\"", let end = rest.dropFirst().firstIndex(of: first) {
        out += "\(first)…\(first)"
        rest = rest[rest.index(after: end)...]
      } else if first.isASCII, first.isLetter || first.isNumber {
        let word = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber) }
        out += looksLikeUID(word) ? "…" : String(word)
        rest = rest[word.endIndex...]
      } else {
        out.append(rest.removeFirst())
      }
    }
    return out
  }

  /// Whether a word looks like a uid: eleven letters and digits, the first one a letter. Ordinary words have no digits,
  /// and no capitals inside.
  private static func looksLikeUID(_ word: Substring) -> Bool {
    word.utf8.count == 11 && word.first!.isLetter && word.dropFirst().contains { $0.isNumber || $0.isUppercase }
  }
}

extension Cause {
  fileprivate mutating func add(_ text: String, _ count: Int, _ slice: Slice) {
    self.count += count
    slices += 1
    texts.add(text, count)
    places.add(Place(dataSet: slice.dataSet, periods: slice.time), count)
    guard examples.count < Self.mostExamples || count > examples.last!.count else { return }
    let place = examples.firstIndex { $0.count < count } ?? examples.count
    var slice = slice
    slice.counts.reasons = nil
    examples.insert((slice, count), at: place)
    if examples.count > Self.mostExamples { examples.removeLast() }
  }
}

extension Slice {
  /// Its time for people.
  var time: String { since.isEmpty ? (periods.isEmpty ? "all time" : periods) : "changes since \(since)" }
}
