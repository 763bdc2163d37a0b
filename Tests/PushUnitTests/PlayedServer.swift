import D2Client
import D2Common
import Synchronization

@testable import d2_push

/// A DHIS2 server in memory, which answers as a test wants.
final class PlayedServer: ImportServer, DestinationMetadata {
  struct Request: Sendable {
    /// From 1.
    let number: Int
    let dataSet: String?
    let values: [JSONValue]
    let deletes: Bool
  }

  /// A reason for a refusal, in the form of a conflict.
  struct Fault: Sendable, Hashable {
    var code: String?
    var text = ""
    /// The objects that it is about: `{"dataElement": "x"}`.
    var objects: [String: String] = [:]
  }

  typealias Store = [String: String]
  typealias Answer = @Sendable (_ request: Request, _ store: inout Store) throws -> ImportAnswer

  private struct State {
    var store: Store
    var requests: [Request] = []
    var pausedSeconds = 0.0
  }

  private let answer: Answer
  private let state: Mutex<State>
  private let sets: [String: [String]]
  private let assigned: [String: Set<String>]
  private let openDates: [String: OpenDates]
  private let exceptions: Set<UnitPeriod>?

  /// - Parameters:
  ///   - store: the stored values at the start, by `key`.
  ///   - sets: the data sets of elements.
  ///   - assigned: the units of data sets.
  ///   - exceptions: where data may still be entered; `nil` if the server does not tell.
  init(
    store: Store = [:], sets: [String: [String]] = [:], assigned: [String: Set<String>] = [:],
    dates: [String: OpenDates] = [:], exceptions: Set<UnitPeriod>? = nil, _ answer: @escaping Answer
  ) {
    self.answer = answer
    self.sets = sets
    self.assigned = assigned
    openDates = dates
    self.exceptions = exceptions
    state = Mutex(State(store: store))
  }

  var store: Store { state.withLock { $0.store } }
  var requests: [Request] { state.withLock { $0.requests } }
  var pausedSeconds: Double { state.withLock { $0.pausedSeconds } }

  /// The elements of the values that are stored, sorted.
  var elements: String { store.keys.map { String($0.prefix { $0 != " " }) }.sorted().joined(separator: " ") }

  static func key(_ value: JSONValue) -> String {
    ["dataElement", "period", "orgUnit"].map { value[$0]?.scalarText ?? "-" }.joined(separator: " ")
  }

  // MARK: ImportServer

  let log = Log(command: "test", least: .error)
  let retries = 3

  func post(
    _ body: any HTTPBody, canBeHalved: Bool, deletes: Bool, _ traffic: inout BatchOutcome.Traffic
  ) throws -> ImportAnswer {
    let document = try JSONValue(parsing: body.firstBytes())
    let values = document["dataValues"]?.array ?? document["completeDataSetRegistrations"]?.array ?? []
    return try state.withLock { state in
      let request = Request(
        number: state.requests.count + 1, dataSet: document["dataSet"]?.string, values: values, deletes: deletes)
      state.requests.append(request)
      return try answer(request, &state.store)
    }
  }

  func pause(seconds: Double) { state.withLock { $0.pausedSeconds += seconds } }

  func error(_ kind: ServerError.Kind, _ message: String) -> ServerError { Self.error(kind, message) }

  static func error(_ kind: ServerError.Kind, _ message: String) -> ServerError {
    // The address is one.
    ServerError(try! ServerURL("http://127.0.0.1:9"), "/api/dataValueSets", kind, message)
  }

  // MARK: DestinationMetadata

  func dataSets(of dataElement: String) -> [String] { sets[dataElement] ?? [] }
  func units(of dataSet: String) -> Set<String>? { assigned[dataSet] }
  func dates(of units: Set<String>) -> [String: OpenDates] { openDates.filter { units.contains($0.key) } }
  /// Elements with an option set begin with `o`.
  func elementsWithoutOptions(among elements: Set<String>) -> Set<String> { elements.filter { !$0.hasPrefix("o") } }
  func lockExceptions(of dataSet: String) -> Set<UnitPeriod>? { exceptions }
}

extension PlayedServer {
  /// A summary as servers write it.
  static func report(
    _ status: String, http: Int = 200, imported: Int = 0, updated: Int = 0, ignored: Int = 0, deleted: Int = 0,
    description: String? = nil, conflicts: [(fault: Fault, indexes: [Int])] = []
  ) throws -> ImportAnswer {
    var summary: [JSONValue.Member] = [
      .init("responseType", "ImportSummary"), .init("status", .string(status)),
      .init(
        "importCount",
        [
          "imported": .int(imported), "updated": .int(updated), "ignored": .int(ignored), "deleted": .int(deleted),
        ]),
      .init(
        "conflicts",
        .array(
          conflicts.map { fault, indexes in
            [
              "errorCode": fault.code.map { .string($0) } ?? .null, "value": .string(fault.text),
              "objects": .object(fault.objects.map { .init($0.key, .string($0.value)) }),
              "indexes": .array(indexes.map { .int($0) }),
            ]
          })),
    ]
    if let description { summary.append(.init("description", .string(description))) }
    guard let read = ImportSummary(["response": .object(summary)]) else {
      throw error(.notDHIS2, "the test's summary is invalid")
    }
    return .report(ImportReport(summary: read, status: http))
  }

  /// Up to 2.42: stores each valid value, and reports the others.
  ///
  /// - Parameter tellsPositions: of the faults; servers up to 2.36 do not.
  static func byValue(
    tellsPositions: Bool = true, _ fault: @escaping @Sendable (JSONValue) -> Fault?
  ) -> Answer {
    { request, store in
      var counts = (imported: 0, updated: 0, ignored: 0)
      var faults: [Fault: [Int]] = [:]
      for (index, value) in request.values.enumerated() {
        if let fault = fault(value) {
          faults[fault, default: []].append(index)
          counts.ignored += 1
          continue
        }
        let text = value["value"]?.scalarText ?? ""
        switch store.updateValue(text, forKey: key(value)) {
        case nil: counts.imported += 1
        case text: counts.ignored += 1
        default: counts.updated += 1
        }
      }
      let conflicts = faults.sorted { $0.value[0] < $1.value[0] }.map {
        (fault: $0.key, indexes: tellsPositions ? $0.value : [])
      }
      return try report(
        conflicts.isEmpty ? "SUCCESS" : "WARNING", http: conflicts.isEmpty ? 200 : 409, imported: counts.imported,
        updated: counts.updated, ignored: counts.ignored, conflicts: conflicts)
    }
  }

  /// From 2.43 on: stores all values of a request, or none where one is at fault.
  static func byGroup(
    isOfRequest: Bool = false, _ fault: @escaping @Sendable (_ values: [JSONValue], _ dataSet: String?) -> Fault?
  ) -> Answer {
    { request, store in
      if let fault = fault(request.values, request.dataSet) {
        return try report(
          "ERROR", http: 409, ignored: request.values.count,
          conflicts: [(fault, isOfRequest ? [-1] : Array(request.values.indices))])
      }
      for value in request.values { store[key(value)] = value["value"]?.scalarText ?? "" }
      return try report("SUCCESS", updated: request.values.count)
    }
  }

  /// A message of 2.43 about all ids of a kind that are among some.
  static func naming(
    _ code: String, _ key: String, _ guilty: Set<String>, _ values: [JSONValue], before text: String = "not usable"
  ) -> Fault? {
    let found = Set(values.compactMap { $0[key]?.string }).intersection(guilty).sorted()
    return found.isEmpty ? nil : Fault(code: code, text: "\(text): `[\(found.joined(separator: ", "))]`")
  }
}
