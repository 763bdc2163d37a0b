/// How a stand-in queue is set up.
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
    /// How requests name it.
    public var name: String
    /// Where requests are delivered, the whole address: `http://127.0.0.1:8080/api/dataValueSets`.
    public var url: String
    /// The user that delivers.
    public var username = "admin"
    /// The user's password.
    public var password = "district"
    /// C: `parse_responses`. Without it every answer completes a request.
    public var parsesAnswers = true
    /// Go: `use_async`. The destination imports as a job; the request is completed at once, and told of later.
    public var isAsync = false

    /// A row with the stand-in server's own superuser.
    public init(_ name: String, url: String) {
      self.name = name
      self.url = url
    }
  }

  /// Which implementation is imitated.
  public var flavour = Flavour.c
  /// The port on 127.0.0.1; 0 takes a free one.
  public var port = 0
  /// The table of servers.
  public var servers: [Server] = []
  /// Who may queue, by name with their passwords.
  public var users = ["queuer": "secret"]
  /// Go: tokens that may queue.
  public var tokens: [String] = []
  /// How long a request waits until it is delivered; `nil`: for ever.
  public var deliverAfterSeconds: Double? = 0
  /// Go: how long after a failure a request is sent again. Five minutes there.
  public var retryAfterSeconds = 300.0
  /// Go: how often it is sent again before it expires.
  public var mostRetries = 3
  /// Go: the destination's answer is kept of completed requests too, not of failed ones alone.
  public var keepsAnswers = false
  /// What goes wrong from the start.
  public var faults: [Fault] = []

  /// A queue in C without servers.
  public init() {}
}
