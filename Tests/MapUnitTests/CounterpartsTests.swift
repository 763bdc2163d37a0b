import D2Common
import TestSupport
import Testing

@testable import d2_map

@Suite("Counterparts")
struct CounterpartsTests {
  private static func object(
    _ uid: String, _ name: String, code: String? = nil, parent: String? = nil, options: Set<String> = []
  ) -> MetadataObject {
    MetadataObject(uid: uid, name: name, code: code, parent: parent, options: options)
  }

  private static func found(_ matches: [Counterparts.Match]) -> [String] {
    matches.map { "\($0.source.uid) \($0.destination?.uid ?? "?") \($0.evidence?.rawValue ?? "")" }
  }

  @Test("id goes before code, code before name, and each object is given once")
  func evidence() {
    let matches = Counterparts.find(
      [
        Self.object("a", "ANC 1st visit", code: "X"), Self.object("b", "Fever", code: "F"),
        Self.object("c", "Malaria, confirmed"), Self.object("d", "Poids à la naissance"), Self.object("e", "Unknown"),
      ],
      among: [
        Self.object("z", "Fever"), Self.object("y", "Anything", code: "F"), Self.object("a", "Other", code: "F2"),
        Self.object("x", "malaria (confirmed)"), Self.object("w", "POIDS A LA NAISSANCE"),
      ])
    #expect(Self.found(matches) == ["a a id", "b y code", "c x name", "d w name", "e ? "])
    #expect(matches.map(\.confidence) == [1, 0.95, 0.8, 0.8, 0])
  }

  @Test("what two share decides nothing; the nearest are told")
  func ambiguous() {
    let matches = Counterparts.find(
      [Self.object("a", "Village clinic"), Self.object("b", "Malaria cases under 5")],
      among: [
        Self.object("x", "Village Clinic"), Self.object("y", "village clinic"),
        Self.object("z", "Malaria cases under five years"), Self.object("w", "Malaria deaths"),
      ])
    #expect(Self.found(matches) == ["a ? ", "b ? "])
    #expect(matches[0].candidates.map(\.object.uid) == ["x", "y"] && matches[0].candidates[0].likeness == 1)
    #expect(matches[1].candidates.map(\.object.uid) == ["z", "w"])
    #expect(matches[1].candidates[0].likeness > 0.7 && matches[1].candidates[1].likeness < 0.6)
  }

  @Test("units of one name are told apart by what they are below")
  func parents() {
    let sources = [
      Self.object("r", "Country"), Self.object("n", "North", parent: "r"), Self.object("s", "South", parent: "r"),
      Self.object("1", "Clinic", parent: "n"), Self.object("2", "Clinic", parent: "s"),
    ]
    let destinations = [
      Self.object("R", "country"), Self.object("N", "NORTH", parent: "R"), Self.object("S", "South.", parent: "R"),
      Self.object("B", "clinic", parent: "S"), Self.object("A", "clinic", parent: "N"),
    ]
    let matches = Counterparts.find(sources, among: destinations, parents: [:])
    #expect(
      Self.found(matches) == ["r R name", "n N name", "s S name", "1 A name", "2 B name"])
    // The only one of its name, but below another parent, is another.
    let moved = Counterparts.find(
      [Self.object("r", "Country"), Self.object("n", "North", parent: "r"), Self.object("1", "Clinic", parent: "n")],
      among: [
        Self.object("R", "Land"), Self.object("S", "South", parent: "R"), Self.object("A", "Clinic", parent: "S"),
      ],
      parents: [:])
    #expect(Self.found(moved) == ["r R name", "n ? ", "1 ? "] && moved[2].candidates.map(\.object.uid) == ["A"])
  }

  @Test("combos are the same where their options are, whatever order the name has")
  func options() {
    let matches = Counterparts.find(
      [
        Self.object("a", "Male, <5", options: ["m", "u"]), Self.object("b", "Female, <5", options: ["f", "u"]),
        Self.object("c", "Male, other", options: ["m", "o"]), Self.object("d", "Female, >5", options: ["f", "v"]),
      ],
      among: [
        Self.object("A", "<5, Male", options: ["M", "U"]), Self.object("B", "<5, Female", options: ["F", "U"]),
        Self.object("C", "Male, other", options: ["M"]), Self.object("D", "Female, >5", options: ["M", "V"]),
      ], options: ["m": ("M", 1), "f": ("F", 0.95), "u": ("U", 0.8), "v": ("V", 1)])
    #expect(Self.found(matches) == ["a A options", "b B options", "c ? ", "d ? "])
    #expect(matches.map(\.confidence) == [0.8, 0.8, 0, 0])
  }

  @Test("agrees with a slow search by id and code", arguments: 0..<20)
  func property(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    func objects() -> [MetadataObject] {
      (0..<40).map { _ in
        Self.object(
          "u\(Int.random(in: 0..<80, using: &random))", "name \(UInt64.random(in: 0...UInt64.max, using: &random))",
          code: Bool.random(using: &random) ? "c\(Int.random(in: 0..<40, using: &random))" : nil)
      }
    }
    let (sources, destinations) = (objects(), objects())
    func only(_ places: [Int]) -> Int? { places.count == 1 ? places[0] : nil }
    var expected: [Int: Int] = [:]
    for trait in [{ (object: MetadataObject) in Optional(object.uid) }, { $0.code }] {
      let (free, open) = (
        destinations.indices.filter { !expected.values.contains($0) }, sources.indices.filter { expected[$0] == nil }
      )
      var new: [Int: Int] = [:]
      for place in open {
        guard let value = trait(sources[place]) else { continue }
        guard let other = only(free.filter { trait(destinations[$0]) == value }),
          only(open.filter { trait(sources[$0]) == value }) == place
        else { continue }
        new[place] = other
      }
      expected.merge(new) { $1 }
    }
    let found = Counterparts.find(sources, among: destinations).map(\.destination)
    #expect(found == sources.indices.map { place in expected[place].map { destinations[$0] } })
  }

  @Test(
    "names are compared without what people write differently",
    arguments: [
      ("  Malaria -  (RDT+)  ", "malaria rdt +"), ("< 5 years", "< 5 years"), (">5 years", "> 5 years"),
      ("Décès néonatals", "deces neonatals"), ("É", "e"),
      ("ПОДЪЕЗД", "подъезд"),
      ("", ""), ("5-9 ans", "5 9 ans"),
    ])
  func names(name: String, normalised: String) {
    #expect(MetadataObject.normalised(name) == normalised)
  }

  @Test(
    "cells are what a spreadsheet takes for texts",
    arguments: [
      ("plain", "plain"), ("a, b", "\"a, b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
      ("-5", "'-5"), ("@x\u{1B}[31m\ny", "'@x[31my"),
    ])
  func cells(text: String, cell: String) { #expect(MappingSuggestion.cell(text) == cell) }
}
