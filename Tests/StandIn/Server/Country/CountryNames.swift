/// Names of places with difficult characters: letters beyond ASCII, quotes, commas, backslashes.
struct CountryNames {
  private static let starts = [
    "Ka", "Bu", "Mba", "Ki", "Lu", "Nya", "So", "Ma", "Ro", "Tê", "Ñu", "Ø", "Gà", "Wak", "Zo", "Ébo",
  ]
  private static let ends = [
    "sese", "ganda", "rara", "longo", "koto", "vale", "bira", "mba", "toro", "ziri", "nké", "wala", "bøl", "shima",
  ]
  private static let kinds = [
    "Health Centre II", "Health Centre III", "Clinic", "Hospital", "Dispensary", "Primary School",
  ]
  private static let odd = [
    "St. Mary's", "\"Hope\"", "Żółw", "東京", "A, B and C", "Back\\slash", "Ol' Man's", "Ἑλλάς", "Emoji 🏥", "Tab-less",
  ]

  private var random: Random
  private var used: Set<String> = []

  init(seed: UInt64) { random = Random(seed: seed) }

  mutating func place() -> String {
    Self.starts[random.below(Self.starts.count)] + Self.ends[random.below(Self.ends.count)]
  }

  mutating func region() -> String { unique(place() + " Region") }

  mutating func facility() -> String {
    let first = random.below(12) == 0 ? Self.odd[random.below(Self.odd.count)] : place()
    return unique(first + " " + Self.kinds[random.below(Self.kinds.count)])
  }

  private mutating func unique(_ name: String) -> String {
    var candidate = name
    var number = 2
    while !used.insert(candidate).inserted {
      candidate = "\(name) \(number)"
      // Small steps would try thousands of names in a large country.
      number += 1 + random.below(used.count / 10 + 1)
    }
    return candidate
  }
}
