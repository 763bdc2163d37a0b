import D2Common

/// A queue that answers like dispatcher-2 or go-dispatcher2, and delivers its requests to a server.
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

  /// Opens the port. It answers only after `start()`.
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

  /// Starts to answer and to deliver, on its own threads.
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

  /// Removes all faults from the plan.
  public func clearFaults() { server.faults.clear() }

  /// Its statistics, like those of a stand-in server.
  public var statistics: JSONValue { server.statistics.json }

  /// Its requests, oldest first: the document of `GET /control/requests`. Each has `parameters` as sent, `contentType`,
  /// `body` as delivered, and its outcome.
  public var requests: [JSONValue] { server.rows.map(\.json) }

  /// Whether no request waits for its first delivery.
  public var isIdle: Bool { !server.rows.contains { $0.status == "ready" } }
}
