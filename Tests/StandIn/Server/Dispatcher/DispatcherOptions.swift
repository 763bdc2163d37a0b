/// The options of a stand-in queue.
public struct DispatcherOptions: Sendable {
  /// The two implementations.
  public enum Flavour: String, Sendable, CaseIterable {
    /// gcinnovate/dispatcher-2.
    case c
    /// gcinnovate/go-dispatcher2.
    case go
  }

  /// A row of the queue's table of servers.
  public struct Server: Sendable {
    /// Its name in requests.
    public var name: String
    /// The whole address for deliveries: `http://127.0.0.1:8080/api/dataValueSets`.
    public var url: String
    /// The user name for deliveries.
    public var username = "admin"
    /// The user's password.
    public var password = "district"
    /// C: `parse_responses`. Without it every answer completes a request.
    public var parsesAnswers = true
    /// Go: `use_async`. The destination imports in a job. The request is completed at once, and its outcome follows
    /// later.
    public var isAsync = false

    /// A row with the stand-in server's own superuser.
    public init(_ name: String, url: String) {
      self.name = name
      self.url = url
    }
  }

  /// The implementation to imitate.
  public var flavour = Flavour.c
  /// The port on 127.0.0.1; 0 for a free one.
  public var port = 0
  /// The table of servers.
  public var servers: [Server] = []
  /// The users who may queue, with their passwords.
  public var users = ["queuer": "secret"]
  /// Go: tokens that may queue.
  public var tokens: [String] = []
  /// How long a request waits before its delivery; `nil` for ever.
  public var deliverAfterSeconds: Double? = 0
  /// Go: the time between a failure and the next attempt. It is five minutes in the real queue.
  public var retryAfterSeconds = 300.0
  /// Go: how many retries there are before a request expires.
  public var mostRetries = 3
  /// Go: whether to keep the destination's answer of completed requests too, and not only of failed ones.
  public var keepsAnswers = false
  /// The faults from the start.
  public var faults: [Fault] = []

  /// A queue in C without servers.
  public init() {}
}
