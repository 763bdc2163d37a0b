import D2Common

/// A queue that answers as dispatcher-2 or go-dispatcher2 does, and delivers what it holds to a server.
///
///     var options = DispatcherOptions()
///     options.flavour = .go
///     options.servers = [.init("hmis", url: source.url), .init("repo", url: destination.url + "/api/dataValueSets")]
///     let queue = try DispatcherStandIn(options)
///     queue.start()            // queue.url, queue.requests
///     defer { queue.stop() }
public final class DispatcherStandIn: Sendable {
  private let server: QueueServer
  private let listener: Listener

  /// Opens the port; nothing is answered before `start()`.
  public init(_ options: DispatcherOptions) throws {
    server = QueueServer(options)
    listener = try Listener(port: options.port)
  }

  /// The port on 127.0.0.1.
  public var port: Int { listener.port }

  /// The address of the queue itself.
  public var url: String {
    "http://127.0.0.1:\(port)" + (server.options.flavour == .c ? "/queue" : "/api/queue")
  }

  /// Begins to answer and to deliver, on threads of its own.
  public func start() {
    listener.run(server)
    QueueDelivery.start(server)
  }

  /// Stops both.
  public func stop() {
    listener.stop()
    server.stop()
  }

  /// Adds faults to the plan.
  public func add(faults: Fault...) { server.faults.add(faults) }

  /// Takes all faults out of the plan.
  public func clearFaults() { server.faults.clear() }

  /// What it has seen: as of a stand-in server.
  public var statistics: JSONValue { server.statistics.json }

  /// What it holds, oldest first: the document of `GET /control/requests`. Each has `parameters` as they were sent,
  /// `contentType`, `body` as it is delivered, and what came of it.
  public var requests: [JSONValue] { server.rows.map(\.json) }

  /// Whether nothing waits for its first delivery.
  public var isIdle: Bool { !server.rows.contains { $0.status == "ready" } }
}
