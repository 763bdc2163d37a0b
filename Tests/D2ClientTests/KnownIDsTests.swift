import D2Common
import StandInServer
import Testing

@testable import D2Client

/// Objects are requested by id, in as many requests as fit into addresses.
@Suite("KnownIDs")
struct KnownIDsTests {
  private static let ids = (100..<150).map { "deUID000\($0)" }

  private static func answer(_ request: PlayedRequest) -> (status: Int, body: String) {
    (200, #"{"dataElements":[\#(request.ids.map { #"{"id":"\#($0)"}"# }.joined(separator: ","))]}"#)
  }

  @Test("each object comes once, and what cannot be an id is not asked for")
  func once() throws {
    let server = try PlayedServer(Self.answer)
    var seen: [String] = []
    try server.client().forEachObject(Self.ids + ["no id"], in: "dataElements", fields: "id", urlBytes: 400) { object in
      seen.append(object["id"]?.string ?? "")
    }
    #expect(seen == Self.ids)
    #expect(server.requests.count > 1)
  }

  @Test("what was answered is kept when a later request fails", arguments: [(500, "{}"), (200, "{}")])
  func keepsEarlier(status: Int, body: String) throws {
    let server = try PlayedServer { $0.number == 1 ? Self.answer($0) : (status, body) }
    var seen: [String] = []
    #expect(throws: ServerError.self) {
      try server.client().forEachObject(Self.ids, in: "dataElements", fields: "id", urlBytes: 400) { object in
        seen.append(object["id"]?.string ?? "")
      }
    }
    let asked = try #require(server.requests.first).ids
    #expect(!asked.isEmpty && asked.count < Self.ids.count, "one of several requests asked for \(asked.count)")
    #expect(seen == asked)
  }
}
