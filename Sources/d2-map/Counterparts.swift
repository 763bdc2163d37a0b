/// Finds the most likely counterpart of each source object at the destination: by id, then by code, then by its parts,
/// then by name.
///
/// Each object of the destination is the counterpart of at most one object. A trait that two objects share decides
/// nothing.
struct Counterparts {
  enum Evidence: String {
    case id, code, options, name
  }

  /// The result for one object.
  struct Match: Equatable {
    let source: MetadataObject
    var destination: MetadataObject?
    var evidence: Evidence?
    /// From 0 to 1.
    var confidence: Double
    /// The most similar objects if there is no match, in descending order.
    var candidates: [(object: MetadataObject, likeness: Double)]

    static func == (left: Match, right: Match) -> Bool {
      left.source == right.source && left.destination == right.destination && left.evidence == right.evidence
    }
  }

  private static let mostCandidates = 3
  private static let leastLikeness = 0.3

  private let sources: [MetadataObject]
  private let destinations: [MetadataObject]
  /// By the index of the source's object.
  private var found: [Int: (destination: Int, evidence: Evidence, confidence: Double)] = [:]
  private var taken: Set<Int> = []

  /// - Parameters:
  ///   - parents: the counterparts of the source objects' parents; `nil` to match names regardless of parents.
  ///   - options: the counterparts of the source's category options, with their confidence; `nil` for objects without
  ///     options.
  static func find(
    _ sources: [MetadataObject], among destinations: [MetadataObject], parents: [String: String]? = nil,
    options: [String: (uid: String, confidence: Double)]? = nil
  ) -> [Match] {
    var search = Counterparts(sources, destinations)
    search.match(.id, confidence: 1) { $0.uid }
    search.match(.code, confidence: 0.95) { $0.code }
    if let options { search.matchOptions(options) }
    if let parents { search.matchBelow(parents) }
    // Names with the same options in another order prove nothing. So if options can decide, the name does not. The same
    // applies to a unit's parent: each region may have its "Central Clinic".
    if options == nil, parents == nil {
      search.match(.name, confidence: 0.9) { $0.name }
      search.match(.name, confidence: 0.8) { $0.normalisedName }
    }
    return search.matches()
  }

  /// Matches objects by their options.
  private mutating func matchOptions(_ options: [String: (uid: String, confidence: Double)]) {
    match(.options, confidence: 0.95) { source in
      let mapped = source.options.compactMap { options[$0]?.uid }
      return mapped.isEmpty || mapped.count < source.options.count ? nil : mapped.sorted().joined(separator: " ")
    } with: {
      $0.options.isEmpty ? nil : $0.options.sorted().joined(separator: " ")
    }
    // No more certain than the least certain of its options.
    for (place, match) in found where match.evidence == .options {
      let least = sources[place].options.compactMap { options[$0]?.confidence }.min() ?? 0
      found[place]!.confidence = min(match.confidence, least)
    }
  }

  /// Matches names below the same parent, from the root downwards, so that the parent is matched before its children.
  private mutating func matchBelow(_ parents: [String: String]) {
    var known = parents
    // If each side has one root, they match whatever their names.
    match(.name, confidence: 0.85) { $0.parent == nil ? "root" : nil }
    learn(&known)
    var before = -1
    while before != found.count {
      before = found.count
      match(.name, confidence: 0.85) { [known] source in
        (source.parent == nil ? "" : known[source.parent!]).map { "\($0) \(source.normalisedName)" }
      } with: { object in
        "\(object.parent ?? "") \(object.normalisedName)"
      }
      learn(&known)
    }
  }

  private init(_ sources: [MetadataObject], _ destinations: [MetadataObject]) {
    self.sources = sources
    self.destinations = destinations
  }

  private func learn(_ known: inout [String: String]) {
    for (place, match) in found { known[sources[place].uid] = destinations[match.destination].uid }
  }

  private mutating func match(_ evidence: Evidence, confidence: Double, _ trait: (MetadataObject) -> String?) {
    match(evidence, confidence: confidence, trait, with: trait)
  }

  /// Matches objects that share a trait, if it is unique on each side.
  private mutating func match(
    _ evidence: Evidence, confidence: Double, _ trait: (MetadataObject) -> String?,
    with other: (MetadataObject) -> String?
  ) {
    var places: [String: (destinations: [Int], sources: [Int])] = [:]
    for (place, object) in destinations.enumerated() where !taken.contains(place) {
      if let trait = other(object), !trait.isEmpty { places[trait, default: ([], [])].destinations.append(place) }
    }
    for (place, object) in sources.enumerated() where found[place] == nil {
      if let trait = trait(object), places[trait] != nil { places[trait]!.sources.append(place) }
    }
    for (_, both) in places where both.destinations.count == 1 && both.sources.count == 1 {
      found[both.sources[0]] = (both.destinations[0], evidence, confidence)
      taken.insert(both.destinations[0])
    }
  }

  private func matches() -> [Match] {
    var index: TrigramIndex?
    return sources.enumerated().map { place, source in
      if let match = found[place] {
        return Match(
          source: source, destination: destinations[match.destination], evidence: match.evidence,
          confidence: match.confidence, candidates: [])
      }
      let names = index ?? TrigramIndex(destinations.map(\.normalisedName))
      index = names
      let near = names.nearest(to: source.normalisedName, most: Self.mostCandidates, least: Self.leastLikeness)
      return Match(
        source: source, destination: nil, evidence: nil, confidence: 0,
        candidates: near.map { (destinations[$0.place], $0.likeness) })
    }
  }
}

/// Finds names that share groups of three letters with another.
private struct TrigramIndex {
  private var places: [String: [Int32]] = [:]
  private var sizes: [Int] = []

  init(_ names: [String]) {
    for (place, name) in names.enumerated() {
      let trigrams = Self.trigrams(name)
      sizes.append(trigrams.count)
      for trigram in trigrams { places[trigram, default: []].append(Int32(place)) }
    }
  }

  private static func trigrams(_ name: String) -> Set<String> {
    let letters = Array("  \(name) ")
    guard letters.count > 3 else { return [] }
    return Set((0..<(letters.count - 2)).map { String(letters[$0..<($0 + 3)]) })
  }

  /// The names with the largest overlap (Dice's coefficient), in descending order.
  func nearest(to name: String, most: Int, least: Double) -> [(place: Int, likeness: Double)] {
    let trigrams = Self.trigrams(name)
    var shared: [Int32: Int] = [:]
    for trigram in trigrams { for place in places[trigram] ?? [] { shared[place, default: 0] += 1 } }
    let likenesses = shared.map { place, count in
      (place: Int(place), likeness: 2 * Double(count) / Double(trigrams.count + sizes[Int(place)]))
    }
    return Array(
      likenesses.filter { $0.likeness >= least }.sorted {
        ($1.likeness, $0.place) < ($0.likeness, $1.place)
      }.prefix(most))
  }
}
