import D2Common

/// The credentials for a server, and their origin, so that the message for a refusal can say what to check.
package struct SignIn: Sendable {
  package var credentials: Credentials
  package var origin: Origin

  package init(_ credentials: Credentials, _ origin: Origin) {
    self.credentials = credentials
    self.origin = origin
  }

  /// The origin of credentials.
  package enum Origin: Sendable, Equatable {
    /// Variables of the environment, or files that options name: a list of all that must be checked.
    case given([String])
    /// In the configuration of a pair's end.
    case pair(PairEnd)
    /// No credentials. What could be set, and what is set for the other server.
    case nowhere(settable: String, ofOther: String?)

    /// The advice if the server refuses them.
    var advice: String {
      switch self {
      case .given(let places): "check " + places.joined(separator: " and ")
      case .pair(let end):
        "check what pair \(end.pair) has for its \(end.side.rawValue): d2-pairs show \(end.pair); change it by "
          + "d2-pairs set \(end.pair) --\(end.side.rawValue)-pat or --\(end.side.rawValue)-username"
      case .nowhere(let settable, let ofOther):
        "no credentials were given: set \(settable)" + (ofOther.map { "; \($0)" } ?? "")
      }
    }
  }
}

/// One end of a pair, for messages.
package struct PairEnd: Sendable, Equatable {
  /// The name of the pair.
  package var pair: String
  package var side: PairSide

  package init(pair: String, side: PairSide) {
    self.pair = pair
    self.side = side
  }
}

extension SignIn {
  /// Finds the credentials for one side of a move in the options and the environment.
  ///
  /// Options take precedence over the environment, and there `D2_SOURCE_…` or `D2_DESTINATION_…` over `D2_…`.
  /// Credentials of the other side are never used. Secrets come from a file or the environment, never from the command
  /// line.
  ///
  /// - Parameter end: the end of a pair without credentials of its own.
  /// - Throws: `CommandFailure`, 64; 74 and 78 for a secret's file.
  package static func find(
    patFile: String?, username: String?, passwordFile: String?, for side: PairSide, of end: PairEnd? = nil,
    environment: [String: String]
  ) throws(CommandFailure) -> SignIn {
    if let patFile {
      try CommandFailure.require(
        username == nil && passwordFile == nil, "give either --pat-file or --username with --password-file, not both")
      return SignIn(.token(try Credentials.secret(inFile: patFile)), .given(["the token in \(patFile) (--pat-file)"]))
    }
    let own = "D2_\(side.rawValue.uppercased())_"
    if let username {
      if let passwordFile {
        return SignIn(
          .basic(username: username, password: try Credentials.secret(inFile: passwordFile)),
          .given(["--username \(username)", "the password in \(passwordFile)"]))
      }
      guard let name = [own + "PASSWORD", "D2_PASSWORD"].first(where: { environment[$0] != nil }) else {
        throw CommandFailure(.usage, "--username needs --password-file, \(own)PASSWORD or D2_PASSWORD")
      }
      return SignIn(.basic(username: username, password: environment[name]!), .given(["--username \(username)", name]))
    }
    try CommandFailure.require(passwordFile == nil, "--password-file needs --username")
    for prefix in [own, "D2_"] {
      if let signIn = try variables(prefix, environment) {
        try checkTokenIsNotOfOther(signIn, prefix, side, environment)
        return signIn
      }
    }
    return SignIn(.none, nowhere(own, side, end, environment))
  }

  /// Reads the variables with a prefix: a token, or a user name with its password. A user name is never combined with a
  /// password of another prefix.
  private static func variables(_ prefix: String, _ environment: [String: String]) throws(CommandFailure) -> SignIn? {
    let (pat, username, password) = (prefix + "PAT", prefix + "USERNAME", prefix + "PASSWORD")
    if let token = environment[pat], !token.isEmpty {
      return SignIn(.token(try Credentials.checked(token, pat)), .given(["the token in \(pat)"]))
    }
    guard let name = environment[username], !name.isEmpty else { return nil }
    guard let secret = environment[password] else {
      throw CommandFailure(.usage, "\(username) is set but \(password) is not")
    }
    return SignIn(.basic(username: name, password: secret), .given([username, password]))
  }

  /// Refuses `D2_PAT` if it equals the token of the other server, because a token belongs to one server.
  private static func checkTokenIsNotOfOther(
    _ signIn: SignIn, _ prefix: String, _ side: PairSide, _ environment: [String: String]
  ) throws(CommandFailure) {
    let other = "D2_\(side.other.rawValue.uppercased())_PAT"
    guard prefix == "D2_", case .token(let token) = signIn.credentials, environment[other] == token else { return }
    throw CommandFailure(
      .usage,
      "D2_PAT holds the same token as \(other), which is the \(side.other.rawValue)'s: it is not sent to the "
        + "\(side.rawValue). Set D2_\(side.rawValue.uppercased())_PAT")
  }

  private static func nowhere(
    _ own: String, _ side: PairSide, _ end: PairEnd?, _ environment: [String: String]
  ) -> Origin {
    let variables = "\(own)PAT, or \(own)USERNAME and \(own)PASSWORD"
    let settable =
      end.map { "\(variables), or keep them in the pair: d2-pairs set \($0.pair) --\(side.rawValue)-username USER" }
      ?? variables
    let other = "D2_\(side.other.rawValue.uppercased())_"
    let ofOther = ["PAT", "USERNAME"].map { other + $0 }.first { environment[$0]?.isEmpty == false }
    return .nowhere(settable: settable, ofOther: ofOther.map { "\($0) is for the \(side.other.rawValue) only" })
  }
}
