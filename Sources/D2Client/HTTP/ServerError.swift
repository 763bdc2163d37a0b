import D2Common

/// The failure of a request, as one line: server, path, HTTP status, DHIS2's own code and message, and what to do next.
package struct ServerError: CommandError {
  /// The kinds of failure that lead to different statuses or retries.
  package enum Kind: Sendable, Equatable {
    case unreachable, tls, timedOut, broken, setup
    /// An HTTP status other than 2xx.
    case status(Int)
    /// A login page.
    case loginPage
    /// The server redirects to another address.
    case redirect(String)
    /// HTML, or something else that is not the Web API.
    case notDHIS2
    /// A 2xx answer without any byte.
    case emptyBody
    /// A truncated answer.
    case cutOff
    /// A damaged answer.
    case malformed
    /// Answers to the same request that disagree.
    case disagreement
    /// A failure of a server other than DHIS2 (a queue in front of it): its exit status, and whether it may be
    /// temporary. Its message contains the advice.
    case foreign(ExitStatus, mayPass: Bool)
  }

  package let server: ServerURL
  package let path: String
  package let kind: Kind
  /// DHIS2's error code: `E2012`.
  package var code: String?
  package var message: String
  package var retryAfterSeconds: Double?
  /// Whether the answer is an error document of DHIS2, and not of a proxy.
  private var isOfDHIS2 = false
  /// The status of the answer, even if that is a page.
  private var httpStatus: Int?
  /// What the command can do about damaged or disagreeing answers: `with --spool to …`.
  package var remedy: String?
  /// Whether a retry would repeat values that are already written, or that may still be.
  package var isFinal = false

  package init(_ server: ServerURL, _ path: String, _ kind: Kind, _ message: String, code: String? = nil) {
    self.server = server
    self.path = String(path.prefix { $0 != "?" })
    self.kind = kind
    self.message = message
    self.code = code
  }

  /// The error for a failed transfer.
  package init(_ server: ServerURL, _ path: String, _ error: TransferError) {
    switch error {
    case .unreachable(let text): self.init(server, path, .unreachable, text)
    case .tls(let text): self.init(server, path, .tls, text)
    case .timedOut(let text): self.init(server, path, .timedOut, text)
    case .broken(let text): self.init(server, path, .broken, text)
    case .setup(let text): self.init(server, path, .setup, text)
    case .interrupted: self.init(server, path, .broken, "interrupted")
    }
  }

  /// The error in an answer; `nil` for a 2xx answer that is not a page.
  package init?(_ server: ServerURL, _ path: String, _ response: HTTPResponse) {
    let body = response.body
    // The body decides, not its type: servers and proxies set wrong types in both directions.
    let looksLikePage = Self.beginsLikePage(body)
    switch response.status {
    case 300..<400:
      let location = response.header("location") ?? ""
      let isLogin = Self.isLoginPage(location)
      self.init(
        server, path, isLogin ? .loginPage : .redirect(location),
        isLogin ? "the server redirects to its login page" : Self.redirectMessage(location, server))
    case 200..<300 where looksLikePage:
      let isLogin = Self.looksLikeLogin(body)
      self.init(
        server, path, isLogin ? .loginPage : .notDHIS2,
        isLogin ? "a login page came instead of an answer" : "a page of HTML came instead of an answer of the Web API")
    case 200..<300: return nil
    default:
      let document = try? JSONValue(parsing: body)
      let text = document?["message"]?.string ?? document?["response"]?["description"]?.string
      let kind: Kind =
        looksLikePage && !Self.statusesOfProxies.contains(response.status) ? .notDHIS2 : .status(response.status)
      self.init(
        server, path, kind,
        text ?? (looksLikePage ? "a page of HTML: \(Self.title(of: body))" : "no message"),
        code: document?["errorCode"]?.string)
      isOfDHIS2 = document?["httpStatusCode"] != nil
      httpStatus = response.status
      if case .notDHIS2 = kind { message = "HTTP \(response.status), \(message)" }
      retryAfterSeconds = response.retryAfterSeconds
    }
  }

  /// Statuses that a proxy in front of a DHIS2 answers with a page of its own.
  private static let statusesOfProxies: Set<Int> = [401, 403, 408, 413, 414, 429, 431, 500, 502, 503, 504, 524]

  /// Whether the data may be available although this request for metadata failed. A server that cannot be reached or
  /// refuses the credentials will not answer the next request either.
  package var leavesDataInReach: Bool {
    switch kind {
    case .status(401), .loginPage, .unreachable, .tls, .setup, .redirect, .timedOut, .broken: false
    case .status(400): !isForeignToken
    default: true
    }
  }

  /// The exit status of a command if a retry does not help.
  package var exitStatus: ExitStatus {
    switch kind {
    case .unreachable, .tls, .redirect: .unreachable
    case .setup: .configuration
    case .timedOut, .broken, .cutOff, .malformed, .disagreement: .temporary
    case .loginPage, .emptyBody: .refused
    case .notDHIS2: .notDHIS2
    case .status(let status): exitStatus(of: status)
    case .foreign(let status, _): status
    }
  }

  private func exitStatus(of status: Int) -> ExitStatus {
    if isAccessCode { return .refused }
    if lacksAnalytics { return .temporary }
    return switch status {
    case 401, 403, 407: .refused
    case 400 where isForeignToken: .refused
    case 400, 409, 414, 431: .usage
    case 408, 425, 429, 500...: .temporary
    default: .notDHIS2
    }
  }

  /// Whether it is about a personal access token that this server did not create. 2.40 does not find the token. 2.42
  /// and 2.43 report that its checksum is wrong, even if only its form is older, as a bad request.
  package var isForeignToken: Bool {
    switch kind {
    case .status(400): message.hasPrefix("Checksum validation failed")
    case .status(401): message.hasPrefix("The API token does not exist")
    default: false
    }
  }

  /// E2010–E2013: no access to a data set, option combo or organisation unit. E7120, E7121, E7123: none for analytics.
  private var isAccessCode: Bool { code.map { Self.accessCodes.contains($0) } ?? false }
  private static let accessCodes: Set<String> = ["E2010", "E2011", "E2012", "E2013", "E7120", "E7121", "E7123"]

  /// Whether DHIS2 itself denies this user the data, and knows the user.
  package var refusesAccess: Bool { isAccessCode || (kind == .status(403) && isOfDHIS2) }

  /// Whether the code is E7144: the server has no analytics tables.
  private var lacksAnalytics: Bool { code == "E7144" }

  /// What to do if analytics tables are missing or old.
  package static let analyticsAdvice =
    "run the server's analytics job (Data administration, Analytics tables; or POST /api/resourceTables/analytics), then run the command again"

  /// Whether the code is E7128 or E7131: too many values for a request to analytics, or too long a query. A smaller
  /// request may succeed.
  package var isTooMuchForAnalytics: Bool { code == "E7128" || code == "E7131" }

  /// Whether the server, or a proxy in front of it, gave up waiting. A smaller request may succeed.
  package var tookTooLong: Bool { kind == .timedOut || [502, 504, 524].contains { kind == .status($0) } }

  /// Whether the address was too long for the server or for a proxy in front of it. Tomcat and nginx may also answer
  /// this with a page and status 400.
  ///
  /// - Parameter targetBytes: the length of the address.
  package func refusesLength(of targetBytes: Int) -> Bool {
    guard let httpStatus, !isOfDHIS2, !isForeignToken else { return false }
    return [414, 431].contains(httpStatus) || (httpStatus == 400 && isPage && targetBytes > Self.shortTargetBytes)
  }

  /// No known proxy refuses an address as short as this.
  private static let shortTargetBytes = 500

  /// Whether the answer is a page, and not of the Web API.
  package var isPage: Bool { kind == .loginPage || kind == .notDHIS2 }

  /// Whether the same request may succeed later. 401 and 403 never, because accounts lock.
  package var isRetryable: Bool {
    if isFinal { return false }
    return switch kind {
    case .unreachable, .timedOut, .broken, .cutOff, .malformed: true
    case .status(let status): [408, 425, 429, 502, 503, 504, 524].contains(status)
    case .foreign(_, let mayPass): mayPass
    default: false
    }
  }

  package var description: String {
    var line = "\(server.appending(path)): "
    if case .status(let status) = kind { line += "HTTP \(status)" + (code.map { " \($0)" } ?? "") + ": " }
    line += message.split(whereSeparator: \.isNewline).joined(separator: " ")
    if let advice { line += " (\(advice))" }
    return line
  }

  /// What the user can do next.
  private var advice: String? {
    switch kind {
    case .unreachable: "check the address and the network"
    case .tls where message == PlainPort.message:
      "\(server.renaming(to: "http://\(server.authority)\(server.context)")), if nobody can listen on the way there"
    case .tls: "is the certificate the server's?" + (caFile.map { " \($0) adds an authority" } ?? "")
    case .timedOut, .broken, .cutOff: "run the command again"
    case .malformed, .disagreement: "run the command again" + (remedy.map { ", \($0)" } ?? "")
    case .setup where message.contains("certificate file"):
      "install ca-certificates" + (caFile.map { ", or name a file by \($0)" } ?? "")
    case .loginPage: server.credentialsAdvice
    case .notDHIS2: "is this the address of a DHIS2 server, with its context path?"
    case .status where isForeignToken:
      "the personal access token is not one of this server's: \(server.credentialsAdvice); d2 does not retry it"
    case .status where lacksAnalytics: Self.analyticsAdvice
    case .status(401): "\(server.credentialsAdvice); d2 does not retry them"
    case .status(403): "the user lacks an authority"
    case .status(429), .status(500...): "retry later"
    default: nil
    }
  }

  /// The option, if it could still be given. A message must not name an option that the command does not have.
  private var caFile: String? { server.access?.offersCAFile == true ? ServerOptions.caFile.name : nil }

  /// Whether an address is a page for signing in or out, on the server or at a service for many (OAuth 2, SAML). It is
  /// never the address of a Web API.
  private static func isLoginPage(_ location: String) -> Bool {
    let path = location.prefix { $0 != "?" && $0 != "#" }.lowercased()
    return ["login", "logout", "signin", "oauth2", "saml"].contains { path.contains($0) }
  }

  private static func redirectMessage(_ location: String, _ server: ServerURL) -> String {
    var target = String(location.prefix { $0 != "?" && $0 != "#" })
    if target.hasPrefix("/"), !target.hasPrefix("//") { target = "\(server.scheme)://\(server.authority)\(target)" }
    guard !target.isEmpty else { return "the server redirects to another address, but does not name it" }
    let api = target.firstRange(of: "/api/").map { String(target[..<$0.lowerBound]) }
    // Even an address outside the Web API may show that the server speaks https.
    let base = api ?? (target.hasPrefix("https://") && server.scheme == "http" ? target : nil)
    guard let other = base.flatMap({ try? ServerURL($0) }), other != server else {
      return
        "the server redirects to \(target), which is not the Web API; is this the address of a DHIS2 server, with its context path?"
    }
    return "the server redirects to another address; d2 does not follow redirects. If that server is right, use "
      + server.renaming(to: other.description)
  }

  private static func beginsLikePage(_ body: [UInt8]) -> Bool {
    body.first { $0 > 0x20 && $0 < 0x80 } == UInt8(ascii: "<")
  }

  private static func looksLikeLogin(_ body: [UInt8]) -> Bool {
    let text = String(decoding: body.prefix(64 * 1024), as: UTF8.self).lowercased()
    return text.contains("j_username") || text.contains("login") || text.contains("type=\"password\"")
  }

  private static func title(of body: [UInt8]) -> String {
    let text = String(decoding: body.prefix(4096), as: UTF8.self)
    let visible = text.split(separator: "<").compactMap { piece in
      piece.split(separator: ">", maxSplits: 1).dropFirst().first.map(String.init)
    }
    return String(
      visible.joined(separator: " ").split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(120))
  }
}
