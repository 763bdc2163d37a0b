import D2Common
import Synchronization

/// The state that the connections of a stand-in queue share.
final class QueueServer: Service {
  struct State {
    var rows: [QueueRow] = []
    var places: [String: Int] = [:]
    var random: Random
    var isStopped = false
  }

  let options: DispatcherOptions
  let statistics = Statistics()
  let faults: FaultPlan
  let clock = Clock()
  /// Neither queue runs in Tomcat.
  let version = ServerVersion.v40
  private let state: Mutex<State>

  init(_ options: DispatcherOptions) {
    self.options = options
    faults = FaultPlan(options.faults)
    state = Mutex(State(random: Random(seed: UInt64(bitPattern: Clock.machineMilliseconds()))))
  }

  var rows: [QueueRow] { state.withLock { $0.rows } }

  func row(_ uid: String) -> QueueRow? { state.withLock { state in state.places[uid].map { state.rows[$0] } } }

  func stop() { state.withLock { $0.isStopped = true } }
  var isStopped: Bool { state.withLock { $0.isStopped } }

  func answer(_ request: Request, faults: [Fault], cost: CostOfRequest) -> Response {
    options.flavour == .c ? DispatcherInC(self).answer(request) : DispatcherInGo(self).answer(request)
  }

  func answerControl(_ request: Request) -> Response {
    var text: [UInt8] = []
    switch (request.method, request.path) {
    case ("GET", "/control/stats"): text = Array(statistics.json.jackson.utf8)
    case ("GET", "/control/requests"): text = Array(JSONValue.array(rows.map(\.json)).jackson.utf8)
    case ("POST", "/control/cancel"): cancelAll()
    case ("GET", "/control/faults"): text = Array(faults.document.jackson.utf8)
    case ("DELETE", "/control/faults"): faults.clear()
    case ("POST", "/control/faults"):
      do {
        let posted = try JSONValue(reading: request.body)
        faults.add(try (posted.array ?? [posted]).map { try Fault($0) })
      } catch { return .text(400, "\(error)\n", type: "text/plain") }
    default: return .text(404, "no such control path\n", type: "text/plain")
    }
    return Response(status: 200, headers: [("Content-Type", "application/json")], body: .bytes(text + [0x0A]))
  }

  /// The number of a server, from 1; `nil` if the table does not contain it.
  func server(named name: String?) -> Int? { options.servers.firstIndex { $0.name == name }.map { $0 + 1 } }

  /// Stores a request, and returns it with its uid.
  func store(_ request: Request, source: Int, destination: Int, body: [UInt8]) -> QueueRow {
    let now = clock.now
    return state.withLock { state in
      let row = QueueRow(
        uid: state.random.uid(), source: source, destination: destination, parameters: request.parameters,
        contentType: request.header("content-type") ?? "", body: body, updated: now,
        due: options.deliverAfterSeconds.map { Clock.steadyNanoseconds() + UInt64($0 * 1e9) })
      state.places[row.uid] = state.rows.count
      state.rows.append(row)
      return row
    }
  }

  func change(_ uid: String, _ change: (inout QueueRow) -> Void) {
    let now = clock.now
    state.withLock { state in
      guard let place = state.places[uid] else { return }
      change(&state.rows[place])
      state.rows[place].updated = now
    }
  }

  /// Removes a request from the table; its recordings stay.
  func forget(_ uid: String) {
    state.withLock { state in
      if let place = state.places.removeValue(forKey: uid) { state.rows[place].due = nil }
    }
  }

  /// Cancels all undelivered requests, like an operator.
  private func cancelAll() {
    state.withLock { state in
      for place in state.rows.indices where ["ready", "failed"].contains(state.rows[place].status) {
        state.rows[place].status = "canceled"
        state.rows[place].errors = "ERROR7"
        state.rows[place].due = nil
      }
    }
  }

  /// The oldest request that is due, or whose job must be checked.
  func nextDue() -> QueueRow? {
    let now = Clock.steadyNanoseconds()
    return state.withLock { state in state.rows.first { $0.due.map { $0 <= now } ?? false } }
  }

  /// The user in a Basic header; `nil` if there is none.
  func basicUser(_ authorization: String?, splitsOnce: Bool) -> (name: String, isKnown: Bool)? {
    guard let authorization, authorization.hasPrefix("Basic "),
      let decoded = Base64.decoded(String(authorization.dropFirst(6)))
    else { return nil }
    let text = String(decoding: decoded, as: UTF8.self)
    let sides = text.split(
      separator: ":", maxSplits: splitsOnce ? 1 : .max, omittingEmptySubsequences: false)
    guard sides.count == 2 else { return (String(sides.first ?? ""), false) }
    return (String(sides[0]), options.users[String(sides[0])] == String(sides[1]))
  }
}
