import CCurl
import D2Common
import Synchronization

/// An HTTP client for one server, with libcurl. It keeps connections and the session cookie, verifies TLS, and never
/// follows redirects.
///
/// Without its session cookie, DHIS2 checks the password's hash for every request, which takes a tenth of a second, and
/// creates a new session each time. So all transfers of a process share one cookie store. If the server has ended the
/// session, the client repeats the request without its cookie, which signs in again. Callers do not notice this. The
/// commands of a worker share the session (`WorkerSession`). If the server has set a token against cross-site requests
/// as a cookie, each POST repeats it in a header.
///
/// `perform` blocks its thread. Call it on threads that may block (`BlockingExecutor`).
package final class HTTPClient: Sendable {
  /// The settings of a client.
  package struct Configuration: Sendable {
    package var credentials = Credentials.none
    package var caFile: String?
    package var clientCertificate: String?
    package var clientKey: String?
    package var insecure = false
    package var userAgent = "d2/\(D2.version)"
    /// The timeout for a connection.
    package var connectSeconds = 30.0
    /// The timeout from the end of the request to the first byte of the answer. The database may take minutes to find
    /// its first row.
    package var firstByteSeconds = 600.0
    /// The timeout between two bytes.
    package var idleSeconds = 120.0
    package var environment: [String: String] = [:]
    /// Records each exchange, if there is one.
    package var recorder: ExchangeRecorder?
    /// What the commands of a worker share about the server.
    package var session: WorkerSession?

    package init() {}

    /// Limits the timeouts of all parts of a request.
    package mutating func limitPatience(seconds: Double) {
      connectSeconds = min(connectSeconds, seconds)
      firstByteSeconds = min(firstByteSeconds, seconds)
      idleSeconds = min(idleSeconds, seconds)
    }
  }

  package let server: ServerURL
  package let configuration: Configuration
  /// The rate that concurrent requests share in each direction.
  private let rate: (limit: RateLimit, among: ConcurrencyLimit)?
  private let share: SharedStore
  private let idle = Mutex<[CurlHandle]>([])
  /// How often the server's port did not answer TLS in time; `nil` once it has.
  private let lateHellos = Mutex<Int?>(0)
  /// Whether the client has looked for the worker's session.
  private let isJoined = Mutex(false)

  package init(
    _ server: ServerURL, _ configuration: Configuration, rate: (limit: RateLimit, among: ConcurrencyLimit)? = nil
  ) {
    self.server = server
    self.rate = rate
    self.configuration = configuration
    share = SharedStore()
  }

  /// Sends a request, and waits for the whole answer. It does not pass on the body of a refusal that only means the end
  /// of a session.
  ///
  /// - Parameters:
  ///   - onBody: gets the body of a 2xx answer while it arrives, if the request says so. It may change the bytes.
  ///   - whileWaiting: called several times a second during the transfer.
  /// - Throws: `TransferError`, or errors of the closures.
  package func perform(
    _ request: HTTPRequest,
    onBody: (HTTPResponse, UnsafeMutableRawBufferPointer) throws -> Void = { _, _ in },
    whileWaiting: () throws -> Void = {}
  ) throws -> HTTPResponse {
    let handle = try idle.withLock { $0.popLast() } ?? CurlHandle(share: share)
    defer { idle.withLock { $0.append(handle) } }
    let late = server.scheme == "https" ? lateHellos.withLock { $0 } : nil
    // Otherwise the binary would contain the length of this file's path, and would differ if it is built in another
    // folder.
    #sourceLocation(file:"HTTPClient.perform.swift",line:1)
    return try withoutActuallyEscaping(onBody) { onBody in
      try withoutActuallyEscaping(whileWaiting) { whileWaiting in
        func exchange(carriesCookies: Bool) throws -> (response: HTTPResponse, cookies: [String]) {
          var patient = configuration
          if let late { patient.connectSeconds = min(patient.connectSeconds, PlainPort.helloSeconds(after: late)) }
          let transfer = Transfer(
            handle: handle, configuration: patient, onBody: request.handsOnBody ? onBody : nil,
            whileWaiting: whileWaiting, carriesCookies: carriesCookies)
          transfer.rate = rate?.limit
          transfer.bytesSentPerSecond = rate.map { max(1, $0.limit.bytesPerSecond / $0.among.current) }
          let response = try finding(plain: late != nil) { try run(transfer, request) }
          keepSession(of: response, handle)
          return (response, transfer.cookies)
        }
        var first = try joiningSession(handle) { try exchange(carriesCookies: true) }
        if lacksCrossSiteToken(request, first.response, sent: first.cookies, handle) {
          first = try exchange(carriesCookies: true)
        }
        guard first.response.refusesSession else { return first.response }
        // Only once: a refusal of a request without a cookie is about the credentials.
        SessionCookies.forget(first.cookies, handle)
        var second = try exchange(carriesCookies: false).response
        second.signedInAnew = true
        return second
      }
    }
  }
  #sourceLocation()

  /// Reports it if a port that did not answer TLS speaks http.
  private func finding(plain mayBePlain: Bool, _ exchange: () throws -> HTTPResponse) throws -> HTTPResponse {
    guard mayBePlain else { return try exchange() }
    do {
      let response = try exchange()
      lateHellos.withLock { $0 = nil }
      return response
    } catch let error as TransferError {
      if PlainPort.speaksHTTP(server, after: error, configuration) { throw TransferError.tls(PlainPort.message) }
      lateHellos.withLock { $0 = $0.map { $0 + 1 } }
      throw error
    }
  }

  /// Before its first request, a command of a worker uses the session of the others. If there is no session, it signs
  /// in while they wait.
  private func joiningSession<Result>(_ handle: CurlHandle, _ exchange: () throws -> Result) throws -> Result {
    guard let session = configuration.session, !isJoined.withLock({ $0 }) else { return try exchange() }
    func join() -> Bool {
      let cookies = session.cookies
      SessionCookies.adopt(cookies, handle)
      return !cookies.isEmpty
    }
    defer { isJoined.withLock { $0 = true } }
    if join() { return try exchange() }
    return try session.exclusively(.signIn) {
      _ = join()
      return try exchange()
    }
  }

  /// Whether the server refused a POST because it had no token against cross-site requests. The answer to the first
  /// request of a client sets the token as a cookie, also if it is this refusal.
  private func lacksCrossSiteToken(
    _ request: HTTPRequest, _ response: HTTPResponse, sent: [String], _ handle: CurlHandle
  ) -> Bool {
    guard request.method == .post, response.status == 403,
      let token = SessionCookies.crossSiteToken(in: SessionCookies.all(handle))
    else { return false }
    return token != SessionCookies.crossSiteToken(in: sent)
  }

  private func keepSession(of response: HTTPResponse, _ handle: CurlHandle) {
    guard let session = configuration.session, response.status < 300, response.header("set-cookie") != nil else {
      return
    }
    session.keep(cookies: SessionCookies.all(handle))
  }

  private func run(_ transfer: Transfer, _ request: HTTPRequest) throws -> HTTPResponse {
    let begin = monotonicSeconds()
    if configuration.recorder != nil { transfer.capture = BodyCapture() }
    func note(_ response: HTTPResponse, _ error: String?) {
      guard let capture = transfer.capture else { return }
      configuration.recorder?.note(
        request, to: server, configuration.credentials, response, body: capture, seconds: monotonicSeconds() - begin,
        error: error)
    }
    do {
      let proxy = ProxyChoice(for: server, configuration.environment)
      let response = try transfer.run(request, url: server.appending(request.target), proxy: proxy)
      note(response, nil)
      return response
    } catch {
      note(transfer.response, "\(error)")
      throw error
    }
  }
}

/// A libcurl handle with its open connection. Only one thread uses it at a time; the client lends it.
final class CurlHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  init(share: SharedStore) throws(TransferError) {
    guard let raw = curl_easy_init() else { throw .setup("libcurl could not be started") }
    pointer = OpaquePointer(raw)
    self.share = share
    sockets.initialize(to: d2_curl_sockets())
  }

  let share: SharedStore
  /// How long the connection took to open: about one round trip.
  var roundTripMilliseconds: Int32 = 0
  /// The sockets of its connections.
  let sockets = UnsafeMutablePointer<d2_curl_sockets>.allocate(capacity: 1)
  var raw: UnsafeMutableRawPointer { UnsafeMutableRawPointer(pointer) }

  deinit {
    curl_easy_cleanup(raw)
    sockets.deallocate()
  }
}

/// Cookies and TLS sessions for all handles of a client; libcurl locks the store itself.
final class SharedStore: @unchecked Sendable {
  let pointer: OpaquePointer?

  /// Initialises libcurl once in a process, before any thread.
  private static let started: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  init() {
    precondition(Self.started, "libcurl could not be started")
    pointer = d2_curl_share_new().map { OpaquePointer($0) }
  }

  deinit {
    if let pointer { curl_share_cleanup(UnsafeMutableRawPointer(pointer)) }
  }
}
