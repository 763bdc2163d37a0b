import Glibc

/// A client's connection. It reads requests and answers them one by one, on its own thread.
final class Connection {
  /// Tomcat and Jetty both accept 8 KB of request line and headers by default.
  private static let headLimit = 8192

  private let socket: Socket
  private let server: any Service
  private var countedIn = 0
  private var countedOut = 0

  init(socket: Socket, server: any Service) {
    self.socket = socket
    self.server = server
  }

  func serve() {
    server.statistics.connectionOpened()
    do {
      while try exchange() {}
      socket.finish()
    } catch ConnectionEnd.byClient {
      server.statistics.closedUnfinished()
    } catch ConnectionEnd.byPlan {
    } catch {}
  }

  /// Handles one request and its answer; false if the connection ends after it.
  private func exchange() throws -> Bool {
    if let seconds = server.keepAliveSeconds, !socket.hasInput(withinSeconds: seconds) { return false }
    guard var request = readHead() else { return false }
    guard
      request.target.utf8.count + request.headers.reduce(0, { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 })
        < Connection.headLimit
    else {
      server.statistics.begin()
      var refusal = ErrorPages.headTooLarge(server.version)
      refusal.closes = true
      try send(refusal, to: request, faults: [])
      return false
    }
    if request.path.hasPrefix("/control/") {
      guard try readBody(&request) else { return false }
      return try send(server.answerControl(request), to: request, faults: [])
    }
    server.statistics.begin()
    let early = server.faults.take(for: request) { $0.kind == .refuseEarly || $0.kind == .bandwidth }
    socket.bytesPerSecond = early.last { $0.kind == .bandwidth }.map { $0.number("bytes") ?? 65_536 }
    if let refusal = early.first(where: { $0.kind == .refuseEarly }) {
      let answer = refusal.substitute(version: server.version, base: base(request))!
      try send(answer, to: request, faults: [])
      return false
    }
    let arrival = Clock.steadyNanoseconds()
    guard try readBody(&request) else {
      finish(request, status: 0)
      throw ConnectionEnd.byClient
    }
    return try answer(request, arrival: arrival)
  }

  private func answer(_ request: Request, arrival: UInt64) throws -> Bool {
    let body = request.body
    let faults = server.faults.take(for: request) {
      $0.kind != .refuseEarly && $0.kind != .bandwidth && $0.kind != .poison && $0.applies(to: body)
    }
    if faults.contains(where: { $0.kind == .reset && $0.int("after") == nil }) {
      finish(request, status: 0)
      socket.reset()
      throw ConnectionEnd.byPlan
    }
    for fault in faults where fault.kind == .latency { try patiently(request, seconds: fault.number("seconds") ?? 1) }
    let substitute = faults.lazy.compactMap { $0.substitute(version: self.server.version, base: self.base(request)) }
      .first
    let cost = CostOfRequest(arrival: arrival)
    var response = substitute ?? server.answer(request, faults: faults, cost: cost)
    try patiently(request, seconds: cost.secondsLeft)
    if response.isWithheld {
      finish(request, status: 0)
      return false
    }
    if faults.contains(where: { $0.kind == .lostAnswer }) {
      finish(request, status: 0)
      socket.reset()
      throw ConnectionEnd.byPlan
    }
    for fault in faults where fault.kind == .contentType {
      response.headers.removeAll { $0.name.lowercased() == "content-type" }
      response.headers.append(("Content-Type", fault.text("type") ?? "text/plain"))
    }
    for fault in faults where fault.kind == .slowFirstByte {
      try patiently(request, seconds: fault.number("seconds") ?? 1)
    }
    return try send(response, to: request, faults: faults)
  }

  /// Waits, and counts the request as ended if the client gives up.
  private func patiently(_ request: Request, seconds: Double) throws(ConnectionEnd) {
    guard seconds > 0 else { return }
    do { try socket.wait(seconds: seconds) } catch {
      finish(request, status: 0)
      throw error
    }
  }

  private func base(_ request: Request) -> String { "http://" + (request.header("host") ?? "127.0.0.1") }

  private func finish(_ request: Request, status: Int) {
    count(request, status: status)
    countBytes(request)
  }

  /// Counts a request as ended. Requests of tests are not part of the counts.
  private func count(_ request: Request, status: Int) {
    if !request.path.hasPrefix("/control/") { server.statistics.end(request, status: status) }
  }

  private func countBytes(_ request: Request) {
    if !request.path.hasPrefix("/control/") {
      server.statistics.transferred(bytesIn: socket.bytesIn - countedIn, bytesOut: socket.bytesOut - countedOut)
    }
    countedIn = socket.bytesIn
    countedOut = socket.bytesOut
  }

  // MARK: - Writing

  @discardableResult
  private func send(_ response: Response, to request: Request, faults: [Fault]) throws -> Bool {
    // Before the client has the last bytes: it may end then, and its test reads the counts.
    var isCounted = false
    func countOnce() {
      if !isCounted { count(request, status: response.status) }
      isCounted = true
    }
    defer {
      countOnce()
      countBytes(request)
    }
    let watching = faults.filter(BodySender.watches)
    let cutFraming = watching.first { $0.kind == .cutBody }?.text("framing")
    var closes =
      response.closes || server.version.dropsConnection(after: response.status)
      || request.header("connection")?.lowercased() == "close" || cutFraming == "close"
    let framing: BodySender.Framing
    let isHead = request.method == "HEAD"
    switch response.body {
    case .bytes(let bytes) where watching.isEmpty || cutFraming == "length": framing = .length(bytes.count)
    case .chunked(let bytes) where cutFraming == "length": framing = .length(bytes.count)
    default: framing = cutFraming == "close" ? .close : .chunked
    }
    var head =
      "HTTP/1.1 \(response.status) \(server.version.runsOnTomcat && !response.isFromProxy ? "" : Response.reason(response.status))\r\n"
    head += "Date: \(Stamp.http(server.clock.now))\r\n"
    for header in response.headers { head += "\(header.name): \(header.value)\r\n" }
    switch framing {
    case .length(let count): head += "Content-Length: \(count)\r\n"
    case .chunked: head += "Transfer-Encoding: chunked\r\n"
    case .close, .none: break
    }
    if closes { head += "Connection: close\r\n" }
    let isStreamed = if case .stream = response.body { !isHead } else { false }
    if !isStreamed { countOnce() }
    try socket.write(Array((head + "\r\n").utf8))
    let sender = BodySender(socket: socket, framing: isHead ? .none : framing, faults: isHead ? [] : watching)
    switch response.body {
    case .bytes(let bytes), .chunked(let bytes): try sender.send(bytes)
    case .stream(let write): if !isHead { try write { try sender.send($0) } }
    }
    countOnce()
    if !isHead { try sender.end() }
    closes = closes || response.closesSilently
    return !closes
  }

  // MARK: - Reading

  private func readHead() -> Request? {
    var lines: [[UInt8]] = []
    var line: [UInt8] = []
    var total = 0
    while let byte = socket.next() {
      total += 1
      if byte == 0x0A {
        if line.last == 0x0D { line.removeLast() }
        if line.isEmpty, lines.isEmpty { continue }
        if line.isEmpty { return parse(lines) }
        lines.append(line)
        line = []
      } else {
        line.append(byte)
      }
      // Far more than what gets a refusal, so there is no use in reading on.
      if total > 1_000_000 { return nil }
    }
    return nil
  }

  private func parse(_ lines: [[UInt8]]) -> Request? {
    let start = String(decoding: lines[0], as: UTF8.self).split(separator: " ")
    guard start.count == 3 else { return nil }
    let headers = lines.dropFirst().compactMap { line -> Request.Header? in
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      var value = line[(colon + 1)...]
      while value.first == 0x20 || value.first == 0x09 { value = value.dropFirst() }
      while value.last == 0x20 || value.last == 0x09 { value = value.dropLast() }
      return Request.Header(name: name, value: String(decoding: value, as: UTF8.self))
    }
    return Request(method: String(start[0]), target: String(start[1]), headers: headers)
  }

  /// Reads the request's body; false if the client closed the connection before its end.
  private func readBody(_ request: inout Request) throws -> Bool {
    if request.header("expect")?.lowercased() == "100-continue" {
      try socket.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
    }
    if request.header("transfer-encoding")?.lowercased().contains("chunked") == true {
      while true {
        guard let size = line().flatMap({ Int($0.split(separator: ";")[0], radix: 16) }) else { return false }
        guard read(size, into: &request.body) else { return false }
        guard size > 0 else {
          while let trailer = line(), !trailer.isEmpty {}
          return true
        }
        _ = line()
      }
    }
    guard let length = request.header("content-length").flatMap({ Int($0) }) else { return true }
    request.body.reserveCapacity(length)
    return read(length, into: &request.body)
  }

  private func read(_ count: Int, into body: inout [UInt8]) -> Bool {
    var left = count
    while left > 0 {
      let piece = socket.some(left)
      guard !piece.isEmpty else { return false }
      body += piece
      left -= piece.count
    }
    return true
  }

  private func line() -> String? {
    var text: [UInt8] = []
    while let byte = socket.next() {
      if byte == 0x0A {
        if text.last == 0x0D { text.removeLast() }
        return String(decoding: text, as: UTF8.self)
      }
      text.append(byte)
    }
    return nil
  }
}
