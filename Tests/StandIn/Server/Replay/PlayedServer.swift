import D2Client
import D2Common
import Synchronization

/// A request to a server whose answers a test provides.
package struct PlayedRequest: Sendable {
  /// Percent-encoded, without the query.
  package let path: String
  /// The query's parameters in order, decoded.
  package let parameters: [(name: String, value: String)]
  /// The number of the request, from 1.
  package let number: Int

  package func first(_ name: String) -> String? { parameters.first { $0.name == name }?.value }

  /// The ids in a filter like `id:in:[a,b]`; empty without such a filter.
  package var ids: [String] {
    let text = parameters.first { $0.name == "filter" && $0.value.hasPrefix("id:in:[") }?.value ?? ""
    return text.dropFirst("id:in:[".count).dropLast().split(separator: ",").map(String.init)
  }
}

/// A server whose answers a test provides: a closure returns a status and a JSON body for each request.
package final class PlayedServer: Sendable {
  private let service: PlayedService
  private let listener: Listener

  /// Opens a port on 127.0.0.1, and answers.
  package init(_ answer: @escaping @Sendable (PlayedRequest) -> (status: Int, body: String)) throws {
    service = PlayedService(answer)
    listener = try Listener(port: 0)
    listener.run(service)
  }

  deinit { listener.stop() }

  /// The address, without a slash at its end.
  package var url: String { "http://127.0.0.1:\(listener.port)" }

  /// All requests so far.
  package var requests: [PlayedRequest] { service.requests.withLock { $0 } }

  /// A client that does not retry.
  package func client() throws -> DHIS2Client {
    let command = CommandDescription(
      name: "d2-test", abstract: "", examples: [], groups: [ServerOptions.group(.source), ServerOptions.transport],
      statuses: [])
    let log = Log(command: "d2-test", least: .error)
    let arguments = try Arguments(["--url", url, "--retries", "0"], command)
    return DHIS2Client(try ServerOptions(arguments, log, side: .source), log)
  }
}

private final class PlayedService: Service {
  let statistics = Statistics()
  let faults = FaultPlan([])
  let clock = Clock()
  let version = ServerVersion.v42
  let requests = Mutex<[PlayedRequest]>([])
  private let play: @Sendable (PlayedRequest) -> (status: Int, body: String)

  init(_ play: @escaping @Sendable (PlayedRequest) -> (status: Int, body: String)) { self.play = play }

  func answer(_ request: Request, faults: [Fault], cost: CostOfRequest) -> Response {
    let played = requests.withLock { requests in
      requests.append(
        PlayedRequest(
          path: request.path, parameters: request.parameters.map { ($0.name, $0.value) }, number: requests.count + 1))
      return requests.last!
    }
    let (status, body) = play(played)
    return .text(status, body, type: "application/json")
  }

  func answerControl(_ request: Request) -> Response { .text(404, "no such control path\n", type: "text/plain") }
}
