import D2Client
import D2Common
import Testing

@testable import d2_push

/// A trap of `docs/dhis2-servers.md` about imports: the server's behaviour, and the outcome of the values.
struct Trap: Sendable, CustomTestStringConvertible {
  let name: String
  let version: String
  /// The elements of the values; an `x` is at fault.
  var elements = ["a", "b", "x1", "c", "d", "e", "f", "g"]
  let answer: PlayedServer.Answer
  /// Imported or updated, ignored, refused, not sent.
  let counts: (taken: Int, ignored: Int, refused: Int, notSent: Int)
  let stored: String
  /// At most.
  let requests: Int

  var testDescription: String { "\(version): \(name)" }
}

@Suite("Settlement")
struct SettlementTests {
  static func value(_ element: String, _ unit: String = "u", _ period: String = "202401") -> String {
    #"{"dataElement":"\#(element)","period":"\#(period)","orgUnit":"\#(unit)","value":"1"}"#
  }

  static func destination(
    _ server: PlayedServer, _ version: String, looksAhead: Bool = false, _ words: String...
  ) throws -> Destination {
    let options = try PushOptions(
      Arguments(["--url", "http://127.0.0.1:9"] + words, Push.description), Log(command: "test", least: .error))
    return Destination(
      server, DestinationTraits(version: DHIS2Version(version)), server, options,
      sizer: BatchSizer(1...1000, longestSeconds: 20), looksAhead: looksAhead)
  }

  /// Settles a batch. Each value must be accounted for, whatever the outcome.
  static func settle(_ batch: Batch, _ destination: Destination) -> (outcome: BatchOutcome, failure: (any Error)?) {
    var settlement = Settlement(batch, destination)
    let (outcome, failure) = settlement.run()
    #expect(outcome.ignored(of: batch) >= 0, "more values are counted than there are")
    return (outcome, failure)
  }

  /// The refused values by line, with their codes: `3 E7610, 5 -`.
  static func refused(_ outcome: BatchOutcome) -> String {
    outcome.refused.sorted { $0.key < $1.key }.map { "\($0.key + 1) \($0.value.code ?? "-")" }.joined(separator: ", ")
  }

  private static func isBad(_ value: JSONValue) -> Bool { value["dataElement"]?.string?.hasPrefix("x") ?? false }

  private static func notFound(_ value: JSONValue) -> PlayedServer.Fault? {
    guard let element = value["dataElement"]?.string, element.hasPrefix("x") else { return nil }
    return .init(
      code: "E7610", text: "Data element not found or not accessible: `\(element)`", objects: ["dataElement": element])
  }

  static let upTo242: [Trap] = [
    Trap(
      name: "a WARNING is 409, and names the value by its position", version: "2.42",
      answer: PlayedServer.byValue(notFound), counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 1),
    Trap(
      name: "up to 2.36 an id that is not found names its values, as many as are ignored", version: "2.36",
      elements: ["a", "x1", "b", "x2"],
      answer: PlayedServer.byValue(tellsPositions: false) { value in
        isBad(value)
          ? .init(text: "Data element not found or not accessible: `\(value["dataElement"]?.string ?? "")`") : nil
      }, counts: (2, 0, 2, 0), stored: "a b", requests: 1),
    Trap(
      name: "a message that names nothing: bisecting, until the invalid value stands alone", version: "2.36",
      answer: PlayedServer.byValue(tellsPositions: false) { isBad($0) ? .init(text: "something is wrong") : nil },
      counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 7),
    Trap(
      name: "the database refuses the request: ERROR, no counts, nothing stored", version: "2.42",
      answer: { request, store in
        guard request.values.contains(where: isBad) else {
          return try PlayedServer.byValue { _ in nil }(request, &store)
        }
        return try PlayedServer.report(
          "ERROR", http: 409, description: "The import process failed: Failed to flush BatchHandler")
      }, counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 7),
    Trap(
      name: "the server's reader loses its place: counts one too many, and names the neighbour", version: "2.42",
      answer: { request, store in
        guard let place = request.values.firstIndex(where: isBad), request.values.count > 1 else {
          return try PlayedServer.byValue(notFound)(request, &store)
        }
        for value in request.values where !isBad(value) { store[PlayedServer.key(value)] = "1" }
        return try PlayedServer.report(
          "WARNING", http: 409, imported: request.values.count, ignored: 1,
          conflicts: [(.init(code: "E7610", text: "not found"), [place + 1])])
      }, counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 7),
    Trap(
      name: "the data set is not there: all are refused at once", version: "2.42", elements: ["a", "b", "c"],
      answer: { _, _ in
        try PlayedServer.report("ERROR", http: 409, conflicts: [(.init(code: "E7600", text: "no data set"), [])])
      }, counts: (0, 0, 3, 0), stored: "", requests: 1),
    Trap(
      name: "the second value of a new key is in no count: posted again, it is", version: "2.42",
      elements: ["a", "a", "b"],
      answer: { request, store in
        // The first wins where the key is new.
        var counts = (imported: 0, updated: 0)
        var new: Set<String> = []
        for value in request.values where !new.contains(PlayedServer.key(value)) {
          if store.updateValue("1", forKey: PlayedServer.key(value)) == nil {
            counts.imported += 1
            new.insert(PlayedServer.key(value))
          } else {
            counts.updated += 1
          }
        }
        return try PlayedServer.report("SUCCESS", imported: counts.imported, updated: counts.updated)
      }, counts: (3, 0, 0, 0), stored: "a b", requests: 2),
    Trap(
      name: "500, and all was stored: posted again, equal values are ignored", version: "2.42", elements: ["a", "b"],
      answer: { request, store in
        let answer = try PlayedServer.byValue { _ in nil }(request, &store)
        return request.number == 1 ? .failed(PlayedServer.error(.status(500), "session ended")) : answer
      }, counts: (0, 2, 0, 0), stored: "a b", requests: 2),
    Trap(
      name: "bisecting finds a value over which the server fails (500)", version: "2.42",
      answer: { request, store in
        guard request.values.contains(where: isBad) else {
          return try PlayedServer.byValue { _ in nil }(request, &store)
        }
        return .failed(PlayedServer.error(.status(500), "NullPointerException"))
      }, counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 8),
    Trap(
      name: "413: halves at once", version: "2.42", elements: ["a", "b", "c", "d"],
      answer: { request, store in
        try request.values.count > 1
          ? .tooLarge(PlayedServer.error(.status(413), "too large"))
          : PlayedServer.byValue { _ in nil }(request, &store)
      }, counts: (4, 0, 0, 0), stored: "a b c d", requests: 7),
    Trap(
      name: "504: halves after a pause", version: "2.42", elements: ["a", "b", "c", "d"],
      answer: { request, store in
        try request.values.count > 2
          ? .tooSlow(PlayedServer.error(.status(504), "no answer"))
          : PlayedServer.byValue { _ in nil }(request, &store)
      }, counts: (4, 0, 0, 0), stored: "a b c d", requests: 3),
    Trap(
      name: "504 for ever: values that were not stored count as not sent", version: "2.42",
      elements: ["a", "b", "c", "d"],
      answer: { _, _ in .tooSlow(PlayedServer.error(.status(504), "no answer")) }, counts: (0, 0, 0, 4), stored: "",
      requests: 4),
    Trap(
      name: "a summary without counts is not a summary", version: "2.42", elements: ["a"],
      answer: { _, _ in
        guard let summary = ImportSummary(["response": ["responseType": "ImportSummary", "status": "SUCCESS"]]) else {
          throw PlayedServer.error(.notDHIS2, "no summary")
        }
        return .report(ImportReport(summary: summary, status: 200))
      }, counts: (0, 0, 0, 1), stored: "", requests: 1),
    Trap(
      name: "equal values are ignored, and are not rejects", version: "2.42", elements: ["a", "a"],
      answer: PlayedServer.byValue { _ in nil }, counts: (1, 1, 0, 0), stored: "a", requests: 1),
  ]

  static let from243: [Trap] = [
    Trap(
      name: "SUCCESS, all ignored, no conflict: nothing is stored, the database refused one", version: "2.43",
      answer: { request, store in
        guard request.values.contains(where: isBad) else {
          return try PlayedServer.byGroup { _, _ in nil }(request, &store)
        }
        return try PlayedServer.report("SUCCESS", ignored: request.values.count)
      }, counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 7),
    Trap(
      name: "an id that cannot be decoded fails the request: it is taken out", version: "2.43",
      answer: PlayedServer.byGroup(isOfRequest: true) { values, _ in
        PlayedServer.naming("E8104", "dataElement", ["x1"], values)
      }, counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 2),
    Trap(
      name: "elements that are not in the set fail the group: all that are named are taken out", version: "2.43",
      elements: ["a", "x1", "b", "x2", "x3"],
      answer: PlayedServer.byGroup { values, _ in
        PlayedServer.naming("E8020", "dataElement", ["x1", "x2", "x3"], values)
      }, counts: (2, 0, 3, 0), stored: "a b", requests: 2),
    Trap(
      name: "one fault after the other: each is taken out", version: "2.43", elements: ["a", "x1", "b", "x2", "x3"],
      answer: PlayedServer.byGroup { values, _ in
        ["x1", "x2", "x3"].lazy.compactMap { PlayedServer.naming("E8020", "dataElement", [$0], values) }.first
      }, counts: (2, 0, 3, 0), stored: "a b", requests: 4),
    Trap(
      name: "a code that names nobody: halves", version: "2.43",
      answer: PlayedServer.byGroup { values, _ in
        values.contains(where: isBad) ? .init(code: "E8128", text: "all affect the same data value") : nil
      }, counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 7),
    Trap(
      name: "bad value types fail alone", version: "2.43",
      answer: { request, store in
        let bad = request.values.indices.filter { isBad(request.values[$0]) }
        for value in request.values where !isBad(value) { store[PlayedServer.key(value)] = "1" }
        return try PlayedServer.report(
          bad.isEmpty ? "SUCCESS" : "WARNING", updated: request.values.count - bad.count, ignored: bad.count,
          conflicts: bad.isEmpty ? [] : [(.init(code: "E8122", text: "no valid INTEGER"), bad)])
      }, counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 1),
    Trap(
      name: "one group of the request failed, the other was stored", version: "2.43", elements: ["a", "x1", "b", "c"],
      answer: { request, store in
        // Two groups: a with x1, b with c.
        let failed =
          request.values.contains(where: isBad)
          ? request.values.indices.filter { ["a", "x1"].contains(request.values[$0]["dataElement"]?.string ?? "") } : []
        for index in request.values.indices where !failed.contains(index) {
          store[PlayedServer.key(request.values[index])] = "1"
        }
        return try PlayedServer.report(
          failed.isEmpty ? "SUCCESS" : "ERROR", http: failed.isEmpty ? 200 : 409,
          updated: request.values.count - failed.count, ignored: failed.count,
          conflicts: failed.isEmpty ? [] : [(.init(code: "E8020", text: "not usable: `[x1]`"), failed)])
      }, counts: (3, 0, 1, 0), stored: "a b c", requests: 2),
    Trap(
      name: "a period that cannot be read is a 500 without a summary", version: "2.43",
      answer: { request, store in
        guard request.values.contains(where: isBad) else {
          return try PlayedServer.byGroup { _, _ in nil }(request, &store)
        }
        return .failed(PlayedServer.error(.status(500), "period"))
      }, counts: (7, 0, 1, 0), stored: "a b c d e f g", requests: 8),
  ]

  @Test("each trap: what is stored, what is refused, and with how many requests", arguments: upTo242 + from243)
  func traps(trap: Trap) throws {
    let server = PlayedServer(trap.answer)
    let batch = try BatchTests.batch(trap.elements.map { Self.value($0) })
    let (outcome, failure) = Self.settle(batch, try Self.destination(server, trap.version))
    let counts = [
      outcome.imported + outcome.updated, outcome.ignored(of: batch), outcome.refused.count, outcome.notSent.count,
    ]
    #expect(counts == [trap.counts.taken, trap.counts.ignored, trap.counts.refused, trap.counts.notSent])
    #expect(server.elements == trap.stored)
    #expect(server.requests.count <= trap.requests, "requests")
    #expect(outcome.attempts == server.requests.count)
    #expect((failure == nil) == (trap.counts.notSent == 0))
    // Nothing is refused that is not at fault, and nothing at fault is taken.
    if trap.stored != "" {
      let guilty = trap.elements.indices.filter { trap.elements[$0].hasPrefix("x") }
      #expect(outcome.refused.keys.sorted() == guilty)
    }
  }

  @Test("a server that cannot be reached or refuses the credentials ends it: open values count as not sent")
  func ends() throws {
    let server = PlayedServer { request, store in
      if request.number == 3 { throw PlayedServer.error(.broken, "it is gone") }
      return try request.values.count > 2
        ? .tooLarge(PlayedServer.error(.status(413), "too large"))
        : PlayedServer.byValue { _ in nil }(request, &store)
    }
    let batch = try BatchTests.batch(["a", "b", "c", "d"].map { Self.value($0) })
    let (outcome, failure) = Self.settle(batch, try Self.destination(server, "2.42"))
    #expect((failure as? ServerError)?.kind == .broken)
    #expect(outcome.notSent == [2, 3])
    #expect(outcome.notSentReason.message.hasPrefix("not sent: "))
    #expect(server.elements == "a b")
  }

  @Test("a server that fails over fifty values in a row is broken; values that are expected to fail do not count")
  func broken() throws {
    let values = (1...80).map { Self.value("e\($0)") }
    for isDoubtful in [false, true] {
      let server = PlayedServer { _, _ in .failed(PlayedServer.error(.status(500), "NullPointerException")) }
      let batch = try BatchTests.batch(values, isDoubtful: isDoubtful)
      let (outcome, failure) = Self.settle(batch, try Self.destination(server, "2.43"))
      #expect((failure == nil) == isDoubtful)
      #expect(outcome.refused.count == (isDoubtful ? 80 : 50))
      #expect(outcome.notSent.count == (isDoubtful ? 0 : 30))
    }
  }

  @Test("zeros that are in no count are not posted again, and are not kept")
  func notKept() throws {
    let server = PlayedServer { _, _ in try PlayedServer.report("SUCCESS") }
    let batch = try BatchTests.batch(["a", "b"].map { Self.value($0) }, fate: .droppedZero)
    let (outcome, failure) = Self.settle(batch, try Self.destination(server, "2.42"))
    #expect(failure == nil)
    #expect(server.requests.count == 1)
    #expect(outcome.notKept == [0, 1])
  }

  @Test(
    "zeros that the server counts as stored are kept, unless it may have deleted values because of them",
    arguments: [(2, 0, 0), (1, 0, 2), (1, 1, 2)])
  func storedZeros(imported: Int, deleted: Int, notKept: Int) throws {
    let server = PlayedServer { _, _ in try PlayedServer.report("SUCCESS", imported: imported, deleted: deleted) }
    let batch = try BatchTests.batch(["a", "b"].map { Self.value($0) }, fate: .droppedZero)
    let (outcome, failure) = Self.settle(batch, try Self.destination(server, "2.42"))
    #expect(failure == nil)
    #expect(outcome.notKept.count == notKept, "\(outcome.notKept)")
    #expect(outcome.imported + outcome.notKept.count == 2, "\(outcome.imported) imported")
  }

  // MARK: Data sets

  @Test("E8002: each value goes to a data set that holds its element; where that one refuses it, to the next")
  func dataSets() throws {
    let server = PlayedServer(sets: ["a": ["S"], "b": ["S", "T"], "c": ["T"], "x": ["S", "T"], "y": []]) {
      request, store in
      guard let dataSet = request.dataSet else {
        return try PlayedServer.byGroup { _, _ in .init(code: "E8002", text: "multiple sets: `[S, T]`") }(
          request, &store)
      }
      return try PlayedServer.byGroup { values, _ in
        PlayedServer.naming("E8020", "dataElement", dataSet == "S" ? ["b", "x"] : ["x"], values)
      }(request, &store)
    }
    let batch = try BatchTests.batch(["a", "b", "c", "x", "y"].map { Self.value($0) })
    let (outcome, failure) = Self.settle(batch, try Self.destination(server, "2.43"))
    #expect(failure == nil)
    #expect(server.elements == "a b c")
    #expect(Self.refused(outcome) == "4 E8020, 5 E8002")
    #expect(outcome.updated == 3)
  }

  @Test("a data set that the values or the options name goes into the header from 2.43 on, and up to 2.42 only theirs")
  func header() throws {
    for (version, values, words, expected) in [
      ("2.43", "S", [], "S"), ("2.43", "S", ["--data-set", "T"], "T"), ("2.42", "S", [], nil),
      ("2.42", nil, ["--data-set", "T"], "T"), ("2.43", nil, [], nil),
    ] as [(String, String?, [String], String?)] {
      let server = PlayedServer(PlayedServer.byGroup { _, _ in nil })
      let options = try PushOptions(
        Arguments(["--url", "http://127.0.0.1:9"] + words, Push.description), Log(command: "test", least: .error))
      let traits = DestinationTraits(version: DHIS2Version(version), namedDataSet: options.dataSet)
      let destination = Destination(
        server, traits, server, options, sizer: BatchSizer(1...10, longestSeconds: 20))
      _ = Self.settle(try BatchTests.batch([Self.value("a")], dataSet: values), destination)
      #expect(server.requests.map(\.dataSet) == [expected], "\(version) \(values ?? "-") \(words)")
    }
  }

  // MARK: What is remembered and foreseen

  @Test("what failed a group once is sent apart the next time")
  func memory() throws {
    let server = PlayedServer(
      PlayedServer.byGroup { values, _ in PlayedServer.naming("E8020", "dataElement", ["x"], values) })
    let destination = try Self.destination(server, "2.43")
    let batch = try BatchTests.batch(["a", "x", "b"].map { Self.value($0) }, dataSet: "S")
    _ = Self.settle(batch, destination)
    #expect(server.requests.map(\.values.count) == [3, 2])
    let (outcome, _) = Self.settle(batch, destination)
    #expect(server.requests.map(\.values.count) == [3, 2, 2, 1])
    #expect(Self.refused(outcome) == "2 E8020")
  }

  private static let closed = OpenDates(opening: "2020-01-01", closing: "2023-12-31")

  /// A server that names one unit that is shut at a time (E8031).
  private static func shutServer(_ shut: Set<String>) -> PlayedServer {
    PlayedServer(
      sets: ["a": ["S"]], assigned: ["S": ["u1", "u2", "u3", "u4", "u5", "open"]],
      dates: Dictionary(uniqueKeysWithValues: ["u1", "u2", "u3", "u4", "u5"].map { ($0, closed) }),
      PlayedServer.byGroup { values, _ in
        let units = values.compactMap { $0["orgUnit"]?.string }
        return units.first(where: shut.contains).map {
          .init(code: "E8031", text: "Untimely data entry for org unit \($0) and period(s): `[202401]`")
        }
      })
  }

  @Test("closed units are named one at a time: those that look shut are posted alone, the others in one request")
  func shutUnits() throws {
    let server = Self.shutServer(["u1", "u2", "u3"])
    let units = ["u1", "open", "u2", "u3", "u4"]
    let batch = try BatchTests.batch(units.map { Self.value("a", $0) }, dataSet: "S")
    let (outcome, _) = Self.settle(batch, try Self.destination(server, "2.43"))
    #expect(Self.refused(outcome) == "1 E8031, 3 E8031, 4 E8031")
    #expect(server.store.keys.sorted() == ["a 202401 open", "a 202401 u4"])
    // All; then without u1: the open one, and the three that look shut, one by one.
    #expect(server.requests.map(\.values.count) == [5, 1, 1, 1, 1])
  }

  @Test("after three units that were refused as foreseen the others are refused without asking")
  func foresight() throws {
    let server = Self.shutServer(["u1", "u2", "u3", "u4", "u5"])
    let batch = try BatchTests.batch(["u1", "u2", "u3", "u4", "u5", "open"].map { Self.value("a", $0) }, dataSet: "S")
    let (outcome, _) = Self.settle(batch, try Self.destination(server, "2.43", looksAhead: true))
    #expect(Self.refused(outcome) == "1 E8031, 2 E8031, 3 E8031, 4 E8031, 5 E8031")
    #expect(outcome.refused[4]?.message.hasSuffix("not when 202401 begins: not posted") == true)
    #expect(server.requests.map(\.values.count) == [1, 1, 1, 1])
    #expect(server.store.keys.sorted() == ["a 202401 open"])
  }

  @Test("only the first day of a period must lie within the dates of a unit")
  func firstDays() {
    let dates = OpenDates(opening: "2020-03-15", closing: "2024-06-15")
    let shut = ["202003", "202004", "202406", "202407", "2024", "2020", "20200315", "20240615", "20240616", "odd"]
      .filter(dates.isShut)
    #expect(shut == ["202003", "202407", "2020", "20240616"], "\(shut)")
  }

  @Test(
    "an expired period is refused only for units without a lock exception",
    arguments: [["u2 202401"], nil] as [Set<String>?])
  func lockExceptions(known: Set<String>?) throws {
    let exceptions = known.map { Set($0.map { UnitPeriod(orgUnit: "u2", period: String($0.suffix(6))) }) }
    let server = PlayedServer(
      sets: ["a": ["S"]], exceptions: exceptions,
      PlayedServer.byGroup { values, _ in
        let isLocked = values.contains { $0["orgUnit"]?.string != "u2" && $0["period"]?.string == "202401" }
        return isLocked
          ? .init(code: "E8030", text: "Untimely data entry for data set S and period(s): `[202401]`") : nil
      })
    let units = ["u1", "u2", "u3", "u2", "u1"]
    let batch = try BatchTests.batch(units.map { Self.value("a", $0) }, dataSet: "S")
    let (outcome, _) = Self.settle(batch, try Self.destination(server, "2.43"))
    #expect(Self.refused(outcome) == "1 E8030, 3 E8030, 5 E8030")
    #expect(server.store.keys.sorted() == ["a 202401 u2"])
    // All; then those that are left, or each unit alone.
    let requests = server.requests.map(\.values.count)
    #expect(known == nil ? requests.first == 5 && requests.dropFirst().sorted() == [1, 2, 2] : requests == [5, 2])
  }

  @Test(
    "approved data of one combo and unit are refused by name",
    arguments: [
      (
        "E8033",
        "Untimely data entry (already approved) for attribute option combo HllvX50cXC0, org unit x and periods: `[202401]`"
      ),
      ("E8032", "Untimely data entry for attribute option combo HllvX50cXC0 and period(s): `[202401]`"),
      ("E8025", "Attribute option combo HllvX50cXC0 not usable with org unit(s): `[x]`"),
    ])
  func approved(code: String, text: String) throws {
    let server = PlayedServer(
      sets: ["a": ["S"]],
      PlayedServer.byGroup { values, _ in
        values.contains { $0["orgUnit"]?.string == "x" } ? .init(code: code, text: text) : nil
      })
    let units = ["x", "u1", "x", "u2"]
    let batch = try BatchTests.batch(units.map { Self.value("a", $0) }, dataSet: "S")
    let (outcome, _) = Self.settle(batch, try Self.destination(server, "2.43"))
    let all = code == "E8032"
    #expect(Self.refused(outcome) == (all ? "1 E8032, 2 E8032, 3 E8032, 4 E8032" : "1 \(code), 3 \(code)"))
    #expect(server.requests.map(\.values.count) == (all ? [4] : [4, 2]))
  }

  @Test("where the server takes what was foreseen to be refused, everything is posted")
  func contradicted() throws {
    let server = Self.shutServer([])
    let batch = try BatchTests.batch(["u1", "u2", "u3", "u4", "u5", "open"].map { Self.value("a", $0) }, dataSet: "S")
    let (outcome, _) = Self.settle(batch, try Self.destination(server, "2.43", looksAhead: true))
    #expect(outcome.refused.isEmpty && outcome.updated == 6)
    #expect(server.store.count == 6)
  }

  @Test("values of units that the data set is not assigned to are sent apart, and named by the set of their element")
  func unassigned() throws {
    let server = PlayedServer(
      sets: ["a": ["S"], "b": ["S", "T"]], assigned: ["S": ["u"]],
      PlayedServer.byGroup { values, _ in PlayedServer.naming("E8022", "orgUnit", ["other"], values) })
    let batch = try BatchTests.batch([Self.value("a"), Self.value("a", "other"), Self.value("b")])
    let (outcome, _) = Self.settle(batch, try Self.destination(server, "2.43", looksAhead: true))
    #expect(Self.refused(outcome) == "2 E8022")
    #expect(server.requests.map(\.dataSet) == [nil, "S", "S"])
    #expect(server.requests.map(\.values.count) == [1, 1, 1])
  }

  // MARK: Deletions

  @Test("a deletion whose old value is refused is posted once more without it, but for elements with an option set")
  func deletionWithoutValue() throws {
    let fault = PlayedServer.Fault(code: "E7619", text: "not of its type")
    let server = PlayedServer { request, _ in
      let odd = request.values.indices.filter { index in
        let element = request.values[index]["dataElement"]?.string ?? ""
        return element == "x3" || !element.hasPrefix("a") && request.values[index]["value"] != nil
      }
      return try PlayedServer.report(
        "WARNING", http: 409, ignored: odd.count, deleted: request.values.count - odd.count,
        conflicts: odd.isEmpty ? [] : [(fault: fault, indexes: odd)])
    }
    let options = try PushOptions(
      Arguments(["--url", "http://127.0.0.1:9"], Push.description), Log(command: "test", least: .error)
    ).deletingStale
    let destination = Destination(
      server, DestinationTraits(version: DHIS2Version("2.42")), server, options,
      sizer: BatchSizer(1...1000, longestSeconds: 20))
    let lines = ["a1", "x1", "o1", "x2", "x3"].map {
      #"{"dataElement":"\#($0)","period":"202401","orgUnit":"u","value":"old","deleted":true}"#
    }
    let (outcome, failure) = Self.settle(try BatchTests.batch(lines), destination)
    #expect(failure == nil && outcome.deleted == 3 && Self.refused(outcome) == "3 E7619, 5 E7619", "\(outcome)")
    #expect(server.requests.map(\.values.count) == [5, 3])
    #expect(server.requests.last?.values.allSatisfy { $0["value"] == nil && $0["deleted"] == true } ?? false)
  }

  // MARK: Registrations

  @Test("registrations: what the message names is taken out, also from 2.43 on; those to be deleted say so")
  func registrations() throws {
    func registration(_ unit: String) -> String {
      #"{"dataSet":"S","period":"202401","organisationUnit":"\#(unit)"}"#
    }
    for version in ["2.42", "2.43"] {
      let server = PlayedServer { request, store in
        guard request.values.contains(where: { $0["organisationUnit"] == "x" }) else {
          return try PlayedServer.report("SUCCESS", imported: request.values.count)
        }
        return try PlayedServer.report(
          "ERROR", http: 409, conflicts: [(.init(text: "no such unit", objects: ["organisationUnit": "x"]), [])])
      }
      let destination = try Self.destination(server, version, looksAhead: false, "--registrations")
      let (outcome, failure) = Self.settle(try BatchTests.batch(["a", "x", "b"].map(registration)), destination)
      #expect(failure == nil)
      #expect(Self.refused(outcome) == "2 -", "\(version)")
      #expect(outcome.imported == 2 && server.requests.map(\.values.count) == [3, 2], "\(version)")
      let deleted = try BatchTests.batch([registration("a")], dataSet: LocatedLines.deletedRegistrations)
      _ = Self.settle(deleted, destination)
      #expect(server.requests.map(\.deletes) == [false, false, true], "\(version)")
    }
  }

  @Test("registrations: what the server stores without compulsory values is stored, and told as a warning")
  func compulsoryValues() throws {
    func batch(_ units: String...) throws -> Batch {
      try BatchTests.batch(units.map { #"{"dataSet":"S","period":"202401","organisationUnit":"\#($0)"}"# })
    }
    let missing = (fault: PlayedServer.Fault(text: "Births needs to be filled. It is compulsory."), indexes: [Int]())
    let unknown = (
      fault: PlayedServer.Fault(
        text: "Organisation unit not found or not accessible", objects: ["organisationUnit": "x"]), indexes: [Int]()
    )
    let server = PlayedServer { request, _ in
      let bad = request.values.count { $0["organisationUnit"] == "x" }
      let conflicts = bad > 0 ? [missing, unknown] : [missing]
      return try PlayedServer.report(
        "SUCCESS", imported: request.values.count - bad, ignored: bad, conflicts: conflicts)
    }
    let lenient = try Self.destination(server, "2.42", looksAhead: false, "--registrations")
    let (stored, _) = Self.settle(try batch("a", "b", "c"), lenient)
    #expect(stored.refused.isEmpty && stored.imported == 3 && stored.warnings == [missing.fault.text], "\(stored)")
    let (single, _) = Self.settle(try batch("a"), lenient)
    #expect(single.refused.isEmpty && single.imported == 1, "\(single)")
    let (mixed, _) = Self.settle(try batch("a", "x", "b"), lenient)
    #expect(Self.refused(mixed) == "2 -" && mixed.imported == 2 && mixed.warnings.count == 1, "\(mixed)")
    #expect(server.requests.map(\.values.count) == [3, 1, 3])
    // With compulsoryFieldsCompleteOnly.
    let strict = PlayedServer { request, _ in
      try PlayedServer.report("ERROR", http: 409, ignored: request.values.count, conflicts: [missing])
    }
    let (refused, _) = Self.settle(
      try batch("a", "b"), try Self.destination(strict, "2.42", looksAhead: false, "--registrations"))
    #expect(Self.refused(refused) == "1 -, 2 -" && refused.warnings.isEmpty, "\(refused)")
    #expect(refused.refused[0]?.advice == CompulsoryValues.hint, "\(refused)")
  }
}
