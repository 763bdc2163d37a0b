import D2Common
import TestSupport
import Testing

@testable import d2_push

@Suite("DeletionScope")
struct DeletionScopeTests {
  private struct Key: Hashable {
    let element: String, combo: String, unit: String, period: String
  }

  private func ids(_ keys: [Key]) -> BatchIDs {
    var piece = LocatedLines()
    for (place, key) in keys.enumerated() {
      let line =
        #"{"dataElement":"\#(key.element)","period":"\#(key.period)","orgUnit":"\#(key.unit)","categoryOptionCombo":"\#(key.combo)","value":"1"}"#
      piece.lines.append(
        .init(
          start: UInt32(piece.text.count), length: UInt32(line.utf8.count), number: place + 1,
          key: UInt64(place + 1) &* 0x9E37_79B9_7F4A_7C15,
          dataSet: -1, isDoubtful: false, needsRewriting: false))
      piece.text += Array(line.utf8) + [0x0A]
    }
    piece.text += [UInt8](repeating: 0, count: PaddedLine.paddingBytes)
    var batch = Batch(number: 1, dataSet: nil, isDoubtful: false, header: [], keepsBlocks: false, capacity: 100)
    #expect(batch.add(piece, from: 0, size: keys.count, bytes: .max) == keys.count)
    batch.seal()
    return BatchIDs(batch, defaultCombo: Array("default".utf8))
  }

  /// The values that a server would delete.
  private func named(_ body: [UInt8]) throws -> [Key] {
    let scope = try #require(try JSONValue(parsing: body)["deletion"])
    func texts(_ key: String) -> [String] { (scope[key]?.array ?? []).compactMap(\.string) }
    return (scope["elements"]?.array ?? []).flatMap { element in
      texts("orgUnits").flatMap { unit in
        texts("periods").map { period in
          Key(
            element: element["dataElement"]?.string ?? "", combo: element["categoryOptionCombo"]?.string ?? "",
            unit: unit, period: period)
        }
      }
    }
  }

  @Test("scopes name the values that are to be deleted, each once, and no others")
  func property() throws {
    var random = SeededGenerator(seed: 3)
    for share in [0.05, 0.3, 0.8, 1] {
      var keys: [Key] = []
      for element in 0..<4 {
        for combo in 0..<2 {
          for unit in 0..<6 {
            for period in 1...5 where Double.random(in: 0..<1, using: &random) < share {
              keys.append(Key(element: "e\(element)", combo: "c\(combo)", unit: "u\(unit)", period: "20220\(period)"))
            }
          }
        }
      }
      keys.shuffle(using: &random)
      let ids = ids(keys)
      let groups = DeletionScope.groups(of: Array(keys.indices), ids)
      #expect(groups.flatMap { $0 }.sorted() == Array(keys.indices))
      let deleted = try groups.flatMap { try named(DeletionScope.body(of: $0, ids, dataSet: "s")) }
      #expect(deleted.count == keys.count && Set(deleted) == Set(keys))
      // All of everything is one scope.
      if share == 1 { #expect(groups.count == 1) }
    }
  }

  @Test("the body names the data set and each option combo, and brings no value")
  func body() {
    let ids = ids([Key(element: "e", combo: "c", unit: "u", period: "202201")])
    #expect(
      String(decoding: DeletionScope.body(of: [0], ids, dataSet: "s"), as: UTF8.self)
        == #"{"dataSet":"s","deletion":{"orgUnits":["u"],"periods":["202201"],"elements":[{"dataElement":"e","categoryOptionCombo":"c","attributeOptionCombo":"default"}]},"dataValues":[]}"#
    )
  }
}
