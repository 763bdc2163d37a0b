/// What stands after connections: a DHIS2 server, or a queue before one.
protocol Service: Sendable {
  var statistics: Statistics { get }
  var faults: FaultPlan { get }
  /// Whose servlet container's manners the connections have.
  var version: ServerVersion { get }
  var clock: Clock { get }
  /// After so many seconds without a request a connection is closed.
  var keepAliveSeconds: Double? { get }

  /// The answer to one request, faults of the transport aside.
  func answer(_ request: Request, faults: [Fault], cost: CostOfRequest) -> Response

  /// The answer to a request of `/control/…`, which nothing goes wrong for.
  func answerControl(_ request: Request) -> Response
}

extension Service {
  var keepAliveSeconds: Double? { nil }
}
