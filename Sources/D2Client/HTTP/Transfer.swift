import CCurl
import D2Common
import Glibc

/// One request and its answer on one libcurl handle.
final class Transfer {
  /// The limit for bodies that are kept in memory: error texts and import summaries. No DHIS2 answer is larger.
  static let largestKeptBody = 64 << 20
  /// The least interval between two calls of `whileWaiting`.
  private static let waitingInterval = 0.1

  private let handle: CurlHandle
  private let configuration: HTTPClient.Configuration
  private let onBody: ((HTTPResponse, UnsafeMutableRawBufferPointer) throws -> Void)?
  private let whileWaiting: () throws -> Void
  /// Whether to send the cookies of earlier answers. The token against cross-site requests is always sent.
  private let carriesCookies: Bool
  /// The cookies that the request sent.
  private(set) var cookies: [String] = []
  private(set) var response = HTTPResponse()
  /// Delays incoming bytes, if there is one.
  var rate: RateLimit?
  /// The limit for outgoing bytes.
  var bytesSentPerSecond: Int?
  /// Records the bytes that cross the wire, if there is one.
  var capture: BodyCapture?
  /// libcurl passes on 16 KB at a time, even after a larger read. This buffer joins the pieces of one read.
  private var gathered = ByteArray(capacity: 0)
  private static let gatheredBytes = 64 * 1024
  /// A body that is put together during the transfer, and how many bytes libcurl has.
  private var sending: (any HTTPBody)?
  private var given = 0
  private var failure: (any Error)?
  private var lastProgress = monotonicSeconds()
  private var lastWaiting = 0.0
  private var transferred: Int = 0
  private var answering = false
  /// When all received bytes had been passed on.
  private var drainedAt = monotonicSeconds()
  /// Whether bytes were read from the connection since the last piece.
  private var isFreshRead = true
  private var usesTLS = false

  init(
    handle: CurlHandle, configuration: HTTPClient.Configuration,
    onBody: ((HTTPResponse, UnsafeMutableRawBufferPointer) throws -> Void)?, whileWaiting: @escaping () throws -> Void,
    carriesCookies: Bool
  ) {
    self.carriesCookies = carriesCookies
    self.handle = handle
    self.configuration = configuration
    self.onBody = onBody
    self.whileWaiting = whileWaiting
  }

  func run(_ request: HTTPRequest, url: String, proxy: ProxyChoice) throws -> HTTPResponse {
    let curl = handle.raw
    usesTLS = url.hasPrefix("https:")
    curl_easy_reset(curl)
    var reason = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
    var list: UnsafeMutablePointer<curl_slist>?
    defer { curl_slist_free_all(list) }
    let code = reason.withUnsafeMutableBufferPointer { reason in
      d2_curl_set_pointer(curl, CURLOPT_ERRORBUFFER, reason.baseAddress)
      defer { d2_curl_set_pointer(curl, CURLOPT_ERRORBUFFER, nil) }
      setConnection(curl, url, proxy)
      cookies = SessionCookies.all(handle)
      for header in headers(of: request) { list = curl_slist_append(list, header) }
      d2_curl_set_list(curl, CURLOPT_HTTPHEADER, list)
      setCallbacks(curl)
      return withBody(request, curl) {
        lastProgress = monotonicSeconds()
        return curl_easy_perform(curl)
      }
    }
    if !carriesCookies { SessionCookies.attach(handle) }
    if let failure { throw failure }
    try handOn()
    guard code == CURLE_OK else {
      let text = String(decoding: reason.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      throw transferError(code, proxy.hidden(in: text))
    }
    response.carriedCookies = !cookies.allSatisfy(SessionCookies.holdsCrossSiteToken)
    readFigures(curl)
    try inflateBody()
    if request.watchesForClose { response.closedUnannounced = closedUnannounced(curl) && wasReadAtOnce }
    return response
  }

  // MARK: Setting up

  private func headers(of request: HTTPRequest) -> [String] {
    var headers = [
      "Accept: application/json", "Accept-Encoding: gzip", "X-Requested-With: XMLHttpRequest",
      // A server that ignores "100-continue" would cost a second for each batch.
      "Expect:",
    ]
    if let authorization = configuration.credentials.authorization { headers.append("Authorization: " + authorization) }
    if request.method == .post, let token = SessionCookies.crossSiteToken(in: cookies) {
      headers.append("\(SessionCookies.crossSiteHeader): \(token)")
    }
    return headers + request.headers.map { "\($0.name): \($0.value)" }
  }

  private func setConnection(_ curl: UnsafeMutableRawPointer, _ url: String, _ proxy: ProxyChoice) {
    d2_curl_set_string(curl, CURLOPT_URL, url)
    d2_curl_set_string(curl, CURLOPT_USERAGENT, configuration.userAgent)
    d2_curl_set_string(curl, CURLOPT_PROTOCOLS_STR, "http,https")
    d2_curl_set_long(curl, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    d2_curl_set_long(curl, CURLOPT_FOLLOWLOCATION, 0)
    d2_curl_set_long(curl, CURLOPT_NOSIGNAL, 1)
    d2_curl_set_long(curl, CURLOPT_TCP_KEEPALIVE, 1)
    d2_curl_set_long(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    // The rate limit needs small steps.
    d2_curl_set_long(curl, CURLOPT_BUFFERSIZE, rate == nil ? 512 * 1024 : 16 * 1024)
    d2_curl_set_long(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512 * 1024)
    d2_curl_set_long(curl, CURLOPT_CONNECTTIMEOUT_MS, Int(configuration.connectSeconds * 1000))
    if let bytesSentPerSecond {
      d2_curl_set_large(curl, CURLOPT_MAX_SEND_SPEED_LARGE, curl_off_t(bytesSentPerSecond))
    }
    d2_curl_set_string(curl, CURLOPT_COOKIEFILE, "")
    if !carriesCookies {
      SessionCookies.detach(handle)
    } else if let share = handle.share.pointer {
      d2_curl_set_share(curl, UnsafeMutableRawPointer(share))
    }
    d2_curl_set_string(curl, CURLOPT_PROXY, proxy.address ?? "")
    d2_curl_set_string(curl, CURLOPT_NOPROXY, proxy.except ?? "")
    // Debian's libcurl also reads the system's folder of certificates, so this file adds to them.
    if let file = configuration.caFile { d2_curl_set_string(curl, CURLOPT_CAINFO, file) }
    if let file = configuration.clientCertificate { d2_curl_set_string(curl, CURLOPT_SSLCERT, file) }
    if let file = configuration.clientKey { d2_curl_set_string(curl, CURLOPT_SSLKEY, file) }
    if configuration.insecure {
      d2_curl_set_long(curl, CURLOPT_SSL_VERIFYPEER, 0)
      d2_curl_set_long(curl, CURLOPT_SSL_VERIFYHOST, 0)
    }
  }

  private func withBody(_ request: HTTPRequest, _ curl: UnsafeMutableRawPointer, _ perform: () -> CURLcode) -> CURLcode
  {
    guard request.method == .post else { return perform() }
    let body = request.body ?? [UInt8]()
    d2_curl_set_long(curl, CURLOPT_POST, 1)
    d2_curl_set_large(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
    if let bytes = body as? [UInt8] {
      return bytes.withUnsafeBytes { bytes in
        d2_curl_set_pointer(curl, CURLOPT_POSTFIELDS, bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!)
        return perform()
      }
    }
    (sending, given) = (body, 0)
    setSendingCallbacks(curl)
    return perform()
  }

  private func setSendingCallbacks(_ curl: UnsafeMutableRawPointer) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    d2_curl_set_bytes_callback(curl, CURLOPT_READFUNCTION) { bytes, size, count, context in
      let room = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
      return Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue().giveBody(into: room)
    }
    d2_curl_set_pointer(curl, CURLOPT_READDATA, context)
    d2_curl_set_seek_callback(curl) { context, offset, origin in
      guard origin == SEEK_SET else { return Int32(CURL_SEEKFUNC_CANTSEEK) }
      Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue().given = Int(offset)
      return Int32(CURL_SEEKFUNC_OK)
    }
    d2_curl_set_pointer(curl, CURLOPT_SEEKDATA, context)
  }

  private func setCallbacks(_ curl: UnsafeMutableRawPointer) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    d2_curl_set_bytes_callback(curl, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue().takeHeader(bytes!, size * count)
    }
    d2_curl_set_pointer(curl, CURLOPT_HEADERDATA, context)
    d2_curl_set_bytes_callback(curl, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue().takeBody(bytes!, size * count)
    }
    d2_curl_set_pointer(curl, CURLOPT_WRITEDATA, context)
    d2_curl_set_long(curl, CURLOPT_NOPROGRESS, 0)
    d2_curl_set_progress_callback(curl) { context, _, downloaded, _, uploaded in
      Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue().wait(Int(downloaded) + Int(uploaded))
    }
    d2_curl_set_pointer(curl, CURLOPT_XFERINFODATA, context)
    _ = d2_curl_note_sockets(curl, handle.sockets)
  }

  // MARK: While it runs

  private func takeHeader(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
    lastProgress = monotonicSeconds()
    drainedAt = lastProgress
    let line =
      String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
      .split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    if line.hasPrefix("HTTP/") {
      // A new header; the previous one was a "100 Continue".
      response = HTTPResponse()
      capture?.removeAll()
      let words = line.split(separator: " ", maxSplits: 2)
      response.version = String(words[0])
      response.status = words.count > 1 ? Int(words[1]) ?? 0 : 0
    } else if let colon = line.firstIndex(of: ":") {
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      response.headers.append((line[..<colon].lowercased(), String(value)))
    } else if line.isEmpty {
      answering = response.status >= 200
    }
    return count
  }

  private func giveBody(into room: UnsafeMutableRawBufferPointer) -> Int {
    guard let sending else { return 0 }
    let length = sending.copy(from: given, into: room)
    given += length
    return length
  }

  private func takeBody(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
    lastProgress = monotonicSeconds()
    if isFreshRead {
      isFreshRead = false
      if d2_curl_waiting_bytes(handle.sockets) == 0 { drainedAt = lastProgress }
    }
    response.wireBytes += count
    capture?.add(UnsafeRawBufferPointer(start: bytes, count: count))
    do {
      try rate?.take(count)
      if onBody != nil, (200..<300).contains(response.status) {
        gathered.append(UnsafeRawBufferPointer(start: bytes, count: count))
        if gathered.count >= Self.gatheredBytes { try handOn() }
      } else {
        guard response.body.count + count <= Self.largestKeptBody else { throw Self.tooLarge }
        response.body += UnsafeRawBufferPointer(start: bytes, count: count)
      }
      return count
    } catch {
      failure = error
      return count &+ 1  // Anything but `count` ends the transfer.
    }
  }

  private func handOn() throws {
    guard let onBody, gathered.count > 0 else { return }
    defer { gathered.removeAll() }
    try onBody(response, gathered.mutableBytes)
    // The reader of our output may have caused the delay; the server did not.
    lastProgress = monotonicSeconds()
  }

  /// Called by libcurl after each read, and at least once a second. A result other than zero ends the transfer.
  private func wait(_ transferredSoFar: Int) -> Int32 {
    do { try handOn() } catch {
      failure = error
      return 1
    }
    let now = monotonicSeconds()
    isFreshRead = true
    if transferredSoFar != transferred {
      transferred = transferredSoFar
      lastProgress = now
    }
    do {
      guard Signals.received == nil else { throw TransferError.interrupted }
      // Another request of the same run has failed.
      guard !Task.isCancelled else { throw CancellationError() }
      let limit = answering ? configuration.idleSeconds : configuration.firstByteSeconds
      guard now - lastProgress <= limit else {
        let seconds = Int(limit.rounded())
        throw TransferError.timedOut(
          answering ? "nothing came for \(seconds) s in the middle of the answer" : "no answer within \(seconds) s")
      }
      if now - lastWaiting >= Self.waitingInterval {
        lastWaiting = now
        try whileWaiting()
      }
      return 0
    } catch {
      failure = error
      return 1
    }
  }

  // MARK: Afterwards

  /// Inflates a kept body that a proxy has compressed, as our `Accept-Encoding` allows.
  private func inflateBody() throws {
    guard response.body.starts(with: [0x1F, 0x8B]) else { return }
    var decoder = BodyDecoder()
    var inflated: [UInt8] = []
    func keep(_ bytes: UnsafeMutableRawBufferPointer) throws {
      guard inflated.count + bytes.count <= Self.largestKeptBody else { throw Self.tooLarge }
      inflated += bytes
    }
    do {
      try response.body.withUnsafeMutableBytes { try decoder.consume($0, into: keep) }
      try decoder.finish(into: keep)
    } catch is GzipProblem {
      throw TransferError.broken("the compressed answer is damaged")
    }
    response.body = inflated
  }

  private static let tooLarge = TransferError.broken(tooLargeText)
  /// The message about a body that is too large to be kept.
  static let tooLargeText = "the answer is larger than \(largestKeptBody >> 20) MiB"

  private func readFigures(_ curl: UnsafeMutableRawPointer) {
    var microseconds: curl_off_t = 0
    d2_curl_get_large(curl, CURLINFO_STARTTRANSFER_TIME_T, &microseconds)
    response.firstByteSeconds = Double(microseconds) * 1e-6
    d2_curl_get_large(curl, CURLINFO_TOTAL_TIME_T, &microseconds)
    response.seconds = Double(microseconds) * 1e-6
  }

  /// Whether the end of the answer was read about when it arrived. If the reader of our output is slow, the server may
  /// close the connection as idle (usually after 5 s, sometimes after 1 s). Then the closed connection says nothing
  /// about the answer.
  private var wasReadAtOnce: Bool { monotonicSeconds() - drainedAt < Self.promptSeconds }
  private static let promptSeconds = 0.8

  /// Whether the server closed the connection, although the answer was framed and did not announce it. The closing
  /// segment may arrive a moment after the last byte, so this waits one round trip for it.
  private func closedUnannounced(_ curl: UnsafeMutableRawPointer) -> Bool {
    let announced = response.header("connection")?.lowercased().contains("close") ?? false
    let framed = response.header("content-length") != nil || response.header("transfer-encoding") != nil
    guard !announced, framed, response.version == "HTTP/1.1" else { return false }
    let socket = d2_curl_open_socket(curl)
    guard socket >= 0 else { return false }
    var connectMicroseconds: curl_off_t = 0
    d2_curl_get_large(curl, CURLINFO_CONNECT_TIME_T, &connectMicroseconds)
    if connectMicroseconds > 0 { handle.roundTripMilliseconds = Int32(clamping: connectMicroseconds / 1000) }
    var polled = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    guard poll(&polled, 1, min(max(handle.roundTripMilliseconds, 5), 200)) > 0 else { return false }
    var byte: UInt8 = 0
    // Over TLS the server's closing alert comes first. Nothing else can arrive after an answer.
    return usesTLS || recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) <= 0
  }

  private func transferError(_ code: CURLcode, _ reason: String) -> TransferError {
    let text = reason.isEmpty ? String(cString: curl_easy_strerror(code)) : reason
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PROXY:
      return .unreachable(text)
    case CURLE_OPERATION_TIMEDOUT: return answering ? .timedOut(text) : .unreachable(text)
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
      CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
      return .tls(text)
    // If bytes follow an answer, libcurl reads them as an HTTP/0.9 answer and fails with CURLE_UNSUPPORTED_PROTOCOL.
    // That is the server's fault.
    case CURLE_SSL_CACERT_BADFILE, CURLE_URL_MALFORMAT, CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT:
      return .setup(text)
    default: return .broken(text)
    }
  }
}
