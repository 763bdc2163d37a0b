/// The service of connections: a DHIS2 server, or a queue in front of one.
protocol Service: Sendable {
  var statistics: Statistics { get }
  var faults: FaultPlan { get }
  /// The version whose servlet container the connections imitate.
  var version: ServerVersion { get }
  var clock: Clock { get }
  /// After this many seconds without a request, a connection is closed.
  var keepAliveSeconds: Double? { get }

  /// The answer to one request, without faults of the transport.
  func answer(_ request: Request, faults: [Fault], cost: CostOfRequest) -> Response

  /// The answer to a request of `/control/…`, which has no faults.
  func answerControl(_ request: Request) -> Response
}

extension Service {
  var keepAliveSeconds: Double? { nil }
}
