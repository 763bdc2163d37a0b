import D2Common
import StandInServer
import TestSupport
import Testing

@testable import D2Client

/// Lists of metadata, page by page, of a server whose list may change meanwhile.
@Suite("MetadataPages")
struct MetadataPagesTests {
  private static func object(_ number: Int) -> String { #"{"id":"unit\#(100 + number)"}"# }

  private static func answer(
    _ objects: some Collection<Int>, page: Int, of pages: Int, total: Int
  ) -> (status: Int, body: String) {
    let list = objects.map(object).joined(separator: ",")
    return (
      200, #"{"pager":{"page":\#(page),"pageCount":\#(pages),"total":\#(total)},"organisationUnits":[\#(list)]}"#
    )
  }

  /// Answers like a server with this many objects.
  private static func page(_ request: PlayedRequest, of objects: [Int], total: Int? = nil) -> (
    status: Int, body: String
  ) {
    let size = Int(request.first("pageSize") ?? "") ?? 50
    let page = Int(request.first("page") ?? "") ?? 1
    let pages = max(1, (objects.count + size - 1) / size)
    return answer(
      objects.dropFirst((page - 1) * size).prefix(size), page: page, of: pages, total: total ?? objects.count)
  }

  private static func pages(_ server: PlayedServer, size: Int) throws -> MetadataPages {
    MetadataPages("organisationUnits", fields: "id", filters: ["level:eq:3"], pageSize: size, try server.client())
  }

  @Test("all pages together are the list, whatever their size", arguments: [0, 1, 5, 6, 7, 31])
  func whole(count: Int) throws {
    let server = try PlayedServer { Self.page($0, of: Array(0..<count)) }
    for size in [1, 3, 6, 100] {
      let ids = try Self.pages(server, size: size).all().map { $0["id"]?.string ?? "" }
      #expect(ids == (0..<count).map { "unit\(100 + $0)" }, "pages of \(size)")
    }
    let first = try #require(server.requests.first)
    #expect(
      first.path == "/api/organisationUnits" && first.first("fields") == "id" && first.first("filter") == "level:eq:3"
        && first.first("order") == "id:asc")
  }

  @Test("a list that shifts while it is read is read again")
  func shifts() throws {
    // The first object is removed before the second page is requested, so the third of the list never appears.
    let server = try PlayedServer { request in
      Self.page(request, of: request.number == 1 ? [0, 1, 2, 3] : [1, 2, 3])
    }
    let ids = try Self.pages(server, size: 2).all().map { $0["id"]?.string ?? "" }
    #expect(ids == ["unit101", "unit102", "unit103"])
    #expect(server.requests.map { $0.first("page") } == ["1", "2", "1", "2"])
  }

  @Test("a server that counts what it does not show is believed when it says the same twice")
  func hidden() throws {
    let server = try PlayedServer { Self.page($0, of: [0, 1, 2], total: 5) }
    #expect(try Self.pages(server, size: 2).all().count == 3)
    #expect(server.requests.count == 4)
  }

  @Test("a list that never stops changing is an error after three readings")
  func restless() throws {
    let server = try PlayedServer { Self.page($0, of: [0, 1], total: 10 + $0.number) }
    #expect { try Self.pages(server, size: 5).all() } throws: { error in
      let error = error as? ServerError
      return error?.kind == .disagreement
        && "\(error!)".contains("2 different organisationUnits came, but the server counts 13")
    }
    #expect(server.requests.count == 3)
  }

  @Test("a list whose number changes within each reading is an error too")
  func shifting() throws {
    let server = try PlayedServer { Self.page($0, of: [0, 1, 2, 3], total: $0.number % 2 == 0 ? 4 : 5) }
    #expect { try Self.pages(server, size: 2).all() } throws: { "\($0)".contains("their number changed meanwhile") }
    #expect(server.requests.count == 6)
  }

  @Test("an answer without a pager is all there is; one without the list is not an answer")
  func odd() throws {
    let bare = try PlayedServer { _ in (200, #"{"organisationUnits":[{"id":"a"},{"id":"b"},{"id":"a"}]}"#) }
    #expect(try Self.pages(bare, size: 1).all().map { $0["id"]?.string } == ["a", "b"])
    #expect(bare.requests.count == 1)
    let other = try PlayedServer { _ in (200, #"{"dataSets":[]}"#) }
    #expect { try Self.pages(other, size: 1).all() } throws: { ($0 as? ServerError)?.kind == .notDHIS2 }
  }

  @Test("what throws in the middle ends the reading")
  func ends() throws {
    struct Enough: Error {}
    let server = try PlayedServer { Self.page($0, of: Array(0..<20)) }
    var begun = 0
    #expect(throws: Enough.self) {
      try Self.pages(server, size: 5).read {
        begun += 1
      } page: { objects in
        if server.requests.count == 2 { throw Enough() }
        return objects.count
      }
    }
    #expect(begun == 1 && server.requests.count == 2)
  }

  @Test("random lists that lose an object at a random page come whole all the same")
  func random() throws {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<20 {
      let count = Int.random(in: 2...40, using: &random)
      let size = Int.random(in: 1...7, using: &random)
      let gone = Int.random(in: 0..<count, using: &random)
      let from = Int.random(in: 1...8, using: &random)
      let left = (0..<count).filter { $0 != gone }
      let server = try PlayedServer { Self.page($0, of: $0.number < from ? Array(0..<count) : left) }
      let ids = Set(try Self.pages(server, size: size).all().map { $0["id"]?.string ?? "" })
      // The removed object may have been seen, but all others must have been.
      #expect(ids.subtracting(["unit\(100 + gone)"]) == Set(left.map { "unit\(100 + $0)" }), "\(count) by \(size)")
    }
  }
}
