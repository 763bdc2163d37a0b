import D2Common
import Synchronization

/// Replays a recording. Each request gets the recorded answers to its method and target in their order, and then
/// repeats the last one.
final class ReplayServer: Service {
  let statistics = Statistics()
  let faults = FaultPlan([])
  let clock = Clock()
  let version = ServerVersion.v42
  private let recording: Recording
  private let given = Mutex<[String: Int]>([:])

  init(_ recording: Recording) { self.recording = recording }

  /// Headers that the connection sets itself.
  private static let ofTheConnection: Set<String> = [
    "transfer-encoding", "content-length", "connection", "keep-alive", "set-cookie",
  ]

  func answer(_ request: Request, faults: [Fault], cost: CostOfRequest) -> Response {
    let key = Recording.key(request.method, request.target)
    guard let answers = recording.answers[key] else {
      return .text(404, "not in the recording: \(key)\n", type: "text/plain")
    }
    let number = given.withLock { given in
      let number = given[key, default: 0]
      given[key] = number + 1
      return number
    }
    let answer = answers[min(number, answers.count - 1)]
    if let bytes = answer.bodyBytes {
      return .text(
        501, "of this answer only \(answer.body.count) of \(bytes) bytes were recorded: \(key)\n", type: "text/plain")
    }
    guard answer.status > 0 else { return .none }
    var response = Response(
      status: answer.status, headers: answer.headers.filter { !Self.ofTheConnection.contains($0.name.lowercased()) })
    response.closesSilently = answer.closedUnannounced
    let body = answer.body
    response.body =
      answer.isBroken
      ? .stream { send in
        try send(body)
        throw ConnectionEnd.byPlan
      } : .chunked(body)
    return response
  }

  func answerControl(_ request: Request) -> Response { .text(404, "no such control path\n", type: "text/plain") }
}

/// A server that replays a recording.
public final class ReplayStandIn: Sendable {
  private let server: ReplayServer
  private let listener: Listener

  /// Reads the folder and opens the port. It answers only after `start()`.
  public init(folder: String, port: Int = 0) throws {
    server = ReplayServer(try Recording(folder: folder))
    listener = try Listener(port: port)
  }

  /// The port on 127.0.0.1.
  public var port: Int { listener.port }

  /// The address, without a slash at its end.
  public var url: String { "http://127.0.0.1:\(port)" }

  /// Starts to answer, on its own threads.
  public func start() { listener.run(server) }

  /// Stops accepting connections.
  public func stop() { listener.stop() }
}
