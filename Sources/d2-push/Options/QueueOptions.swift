import D2Client
import D2Common

/// The two queues that d2-push can use in front of a DHIS2 server. Their sources document their APIs.
enum QueueFlavour: String, Sendable {
  /// gcinnovate/dispatcher-2, in C. It answers in plain text, and never reports the outcome of a request.
  case dispatcher2
  /// gcinnovate/go-dispatcher2, in Go. It answers in JSON, with an id for following the request.
  case goDispatcher2 = "go-dispatcher2"
}

/// The label of an organisation unit in a queue's request.
enum FacilityLabel: String, Sendable, CaseIterable {
  case name, id, code
}

/// The options of `--via`: queue the values in a dispatcher instead of posting them to DHIS2.
struct QueueOptions: Sendable {
  /// The flavours, and `auto` to detect one; also under its former name.
  private enum Via: String, CaseIterable {
    case dispatcher2
    case goDispatcher2 = "go-dispatcher2"
    case auto, dispatcher
  }

  private static let via = Option(
    "--via", value: "dispatcher2|go-dispatcher2|auto", as: .one(of: Via.self),
    help: "Send through dispatcher2 (in C) or go-dispatcher2; auto asks the queue which one it is.")
  private static let address = Option(
    "--dispatcher-url", value: "URL",
    help:
      "Use the queue at this address: http://host:9191/queue, http://host:9090/api/queue (default: D2_DISPATCHER_URL).")
  private static let source = Option(
    "--source", value: "NAME",
    help: "Name the source as in the queue's table of servers (default: as in the pair).")
  private static let destination = Option(
    "--destination", value: "NAME", help: "Name the destination as in that table (default: as in the pair).")
  private static let facilityBy = Option(
    "--facility-by", as: .one(of: FacilityLabel.self),
    help: "Identify an organisation unit in a request by this (default name).")
  private static let facilities = Option(
    "--facilities", value: "FILE",
    help: "Read names and codes of organisation units from FILE: {\"id\":…,\"name\":…,\"code\":…} a line.")
  private static let username = Option(
    "--dispatcher-username", value: "USER",
    help:
      "Sign in at the queue as USER (default: D2_DISPATCHER_USERNAME with D2_DISPATCHER_PASSWORD, or D2_DISPATCHER_TOKEN for go-dispatcher2)."
  )
  private static let passwordFile = Option(
    "--dispatcher-password-file", value: "FILE", help: "Read the password from the first line of FILE.")
  private static let wait = Flag(
    "--wait", help: "Follow each request until it is delivered, then count its values (go-dispatcher2).")
  private static let waitFor = Option(
    "--wait-for", as: .duration, help: "Follow a request for at most TIME (default 30m).")

  static let group = OptionGroup(
    "Through a queue (dispatcher2) instead of to a server",
    [via, address, source, destination, facilityBy, facilities, username, passwordFile, wait, waitFor])

  /// `nil`: d2-push asks the queue.
  let flavour: QueueFlavour?
  /// The address above the queue's own path.
  let root: ServerURL
  /// The queue's path below the root: `/queue`, `/api/queue`.
  let path: String
  let signIn: SignIn
  /// Names in the queue's table of servers.
  let source: String
  let destination: String
  let facilityBy: FacilityLabel
  let facilitiesFile: String?
  /// Whether to follow each request until the queue has delivered it.
  let waits: Bool
  /// How many seconds to follow each request.
  let waitSeconds: Double

  /// go-dispatcher2 resends a failed request every five minutes, three times, before it expires.
  static let defaultWaitSeconds = 1800.0
  /// go-dispatcher2 returns each request as text in JSON, which makes it larger.
  static let mostBatchBytes = 16 << 20

  /// - Returns: `nil` without `--via`.
  /// - Throws: `CommandFailure`: 64 for an error on the command line, 74 and 78 for the password's file.
  init?(_ arguments: Arguments, _ stored: StoredPair? = nil, environment: [String: String]) throws(CommandFailure) {
    guard let via = arguments[Self.via] else {
      if let option = arguments.first(of: Self.ownOptions) {
        throw CommandFailure(.usage, "\(option.name) goes with --via dispatcher2 or go-dispatcher2")
      }
      return nil
    }
    for (options, why) in Self.otherOptions {
      guard let option = arguments.first(of: options) else { continue }
      throw CommandFailure(.usage, "\(option.name) does not go with --via: \(why)")
    }
    flavour = QueueFlavour(rawValue: via.rawValue)
    (root, path) = try Self.address(arguments, environment)
    signIn = try Self.signIn(arguments, environment)
    source = try Self.server(Self.source, arguments, stored?.pair.source)
    destination = try Self.server(Self.destination, arguments, stored?.pair.destination)
    facilityBy = arguments[Self.facilityBy] ?? .name
    facilitiesFile = arguments[Self.facilities]
    waits = arguments[Self.wait]
    let wanted = arguments[Self.waitFor]
    try CommandFailure.require(wanted == nil || waits, "--wait-for goes with --wait")
    waitSeconds = wanted ?? Self.defaultWaitSeconds
    if let flavour { try check(flavour) }
  }

  /// Refuses the options that a flavour does not support. d2-push calls this at the start if the flavour is given, or
  /// after it has been detected.
  ///
  /// - Throws: `CommandFailure`: 64, or 78 for credentials that the flavour cannot use.
  func check(_ flavour: QueueFlavour) throws(CommandFailure) {
    guard flavour == .dispatcher2 else { return }
    try CommandFailure.require(
      !waits,
      "--wait: dispatcher2 returns no id for what it queues, so that nothing can be followed; only go-dispatcher2 does"
    )
    switch signIn.credentials {
    case .basic(let username, let password) where (username + password).contains(":"):
      // dispatcher2 splits the decoded credentials at each colon, and expects two parts.
      throw CommandFailure(
        .configuration, "dispatcher2 cannot take a user name or password that holds a colon: change the password there")
    case .queueToken:
      throw CommandFailure(
        .configuration, "dispatcher2 knows no tokens: set D2_DISPATCHER_USERNAME and D2_DISPATCHER_PASSWORD")
    default: break
    }
  }

  /// Options that need `--via`.
  private static let ownOptions: [any AnyOption] = [
    address, username, passwordFile, source, destination, facilityBy, facilities, wait, waitFor,
  ]

  /// Options that do not work with `--via`, and why.
  private static let otherOptions: [(options: [any AnyOption], why: String)] = [
    ([ServerOptions.address], "the queue knows its servers by name; its own address is --dispatcher-url"),
    (
      ServerOptions.credentials,
      "the queue has the destination's credentials; its own are --dispatcher-username with --dispatcher-password-file"
    ),
    ([PushOptions.registrations, PushOptions.notify], "a queued request holds data values"),
    ([PushOptions.asJob, PushOptions.dryRun, PushOptions.importStrategy], importParameters),
    ([PushOptions.compression], "the queue reads no compressed requests"),
    ([PushOptions.batchTime], "how many values a request holds is decided by data set, period and facility"),
    (PushOptions.schemes, importParameters),
    (PushOptions.switches, importParameters),
  ]

  private static let importParameters = "import parameters belong to the address that the queue has for its destination"

  /// The server's name in the queue, which by default is its name in the pair.
  private static func server(
    _ option: Option<String?>, _ arguments: Arguments, _ configured: ConfiguredServer?
  ) throws(CommandFailure) -> String {
    guard let name = arguments[option] ?? configured?.name, !name.isEmpty else {
      throw CommandFailure(.usage, "\(option.name) is missing: a name in the queue's table of servers")
    }
    return name
  }

  /// Removes the queue's own path, because the paths that detect the flavour are siblings of it.
  private static func address(
    _ arguments: Arguments, _ environment: [String: String]
  ) throws(CommandFailure) -> (root: ServerURL, path: String) {
    let hint = "the whole address of the queue: http://localhost:9191/queue, http://localhost:9090/api/queue"
    guard let text = arguments[address] ?? environment["D2_DISPATCHER_URL"], !text.isEmpty else {
      throw CommandFailure(.usage, "--dispatcher-url is missing: \(hint)")
    }
    let (root, path): (ServerURL, Substring)
    do {
      let whole = try ServerURL(text, cutsPages: false)
      let slash = whole.context.lastIndex(of: "/") ?? whole.context.startIndex
      root = try ServerURL("\(whole.scheme)://\(whole.authority)\(whole.context[..<slash])", cutsPages: false)
      path = whole.context.dropFirst(root.context.count)
    } catch {
      throw CommandFailure(.usage, "--dispatcher-url: \(error)")
    }
    try CommandFailure.require(!path.isEmpty, "--dispatcher-url \(text): the path is missing; write \(hint)")
    return (root, String(path))
  }

  private static func signIn(_ arguments: Arguments, _ environment: [String: String]) throws(CommandFailure) -> SignIn {
    let file = arguments[passwordFile]
    if let username = arguments[username] {
      let password =
        if let file { try Credentials.secret(inFile: file) } else { try password("--dispatcher-username", environment) }
      let place = file.map { "the password in \($0)" } ?? "D2_DISPATCHER_PASSWORD"
      return SignIn(
        .basic(username: username, password: password), .given(["--dispatcher-username \(username)", place]))
    }
    try CommandFailure.require(file == nil, "--dispatcher-password-file needs --dispatcher-username")
    if let token = environment["D2_DISPATCHER_TOKEN"], !token.isEmpty {
      return SignIn(.queueToken(try Credentials.checked(token, "D2_DISPATCHER_TOKEN")), .given(["D2_DISPATCHER_TOKEN"]))
    }
    if let username = environment["D2_DISPATCHER_USERNAME"], !username.isEmpty {
      return SignIn(
        .basic(username: username, password: try password("D2_DISPATCHER_USERNAME", environment)),
        .given(["D2_DISPATCHER_USERNAME", "D2_DISPATCHER_PASSWORD"]))
    }
    return SignIn(
      .none,
      .nowhere(
        settable: "D2_DISPATCHER_USERNAME and D2_DISPATCHER_PASSWORD (go-dispatcher2 takes D2_DISPATCHER_TOKEN too)",
        ofOther: nil))
  }

  private static func password(_ name: String, _ environment: [String: String]) throws(CommandFailure) -> String {
    guard let password = environment["D2_DISPATCHER_PASSWORD"] else {
      throw CommandFailure(.usage, "\(name) needs D2_DISPATCHER_PASSWORD or --dispatcher-password-file")
    }
    return password
  }
}
