import Glibc

@testable import StandInServer

/// A client of one request at a time, which shows what came over the wire and how the connection ended.
final class TestClient {
  struct Answer {
    var status = 0
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// The body came to the end that its framing promises.
    var isWhole = false
    /// The server closed the connection after the answer, or in it.
    var closed = false
    /// The connection was reset.
    var wasReset = false
    /// Seconds from the request until the first byte.
    var firstByteSeconds = 0.0

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  private let descriptor: Int32
  private let port: Int
  private var buffer: [UInt8] = []
  private var at = 0
  private var reset = false
  private var isOpen = true
  private var sent = Clock.steadyNanoseconds()

  init(port: Int) {
    self.port = port
    // Not for the commands that other tests start meanwhile: they would keep the connection open after `hangUp`.
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { hangUp() }

  /// Closes the connection now, even during a request.
  func hangUp() {
    if isOpen { close(descriptor) }
    isOpen = false
  }

  @discardableResult
  func send(_ method: String, _ target: String, headers: [(String, String)] = [], body: [UInt8]? = nil) -> TestClient {
    var head = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n"
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    if let body { head += "Content-Length: \(body.count)\r\n" }
    var bytes = Array((head + "\r\n").utf8)[...]
    bytes += body ?? []
    sent = Clock.steadyNanoseconds()
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { break }
      bytes = bytes.dropFirst(count)
    }
    return self
  }

  /// Reads one answer, with at most `limit` bytes of its body. If the server should close the connection afterwards, it
  /// waits for that.
  func receive(isHead: Bool = false, limit: Int = .max, shouldClose: Bool = false) -> Answer {
    var answer = Answer()
    guard let statusLine = line() else { return ended(answer) }
    answer.firstByteSeconds = Double(Clock.steadyNanoseconds() - sent) / 1e9
    answer.status = statusLine.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    while let header = line(), !header.isEmpty {
      let sides = header.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      answer.headers.append((String(sides[0]), sides[1].drop { $0 == " " }.description))
    }
    if isHead {
      answer.isWhole = true
    } else if answer.header("transfer-encoding") != nil {
      readChunks(&answer, limit)
    } else if let length = answer.header("content-length").flatMap({ Int($0) }) {
      while answer.body.count < min(length, limit), let byte = next() { answer.body.append(byte) }
      answer.isWhole = answer.body.count == length
    } else {
      while answer.body.count < limit, let byte = next() { answer.body.append(byte) }
      answer.isWhole = true
    }
    guard answer.isWhole else { return ended(answer) }
    answer.closed = hasEnded(within: shouldClose ? 5000 : 30)
    return answer
  }

  private func readChunks(_ answer: inout Answer, _ limit: Int) {
    while let size = line().flatMap({ Int($0, radix: 16) }) {
      if size == 0 {
        answer.isWhole = line() != nil
        return
      }
      for _ in 0..<size {
        guard answer.body.count < limit, let byte = next() else { return }
        answer.body.append(byte)
      }
      guard line() != nil else { return }
    }
  }

  private func ended(_ answer: Answer) -> Answer {
    var answer = answer
    answer.closed = true
    answer.wasReset = reset
    return answer
  }

  /// Whether the other end closes within some milliseconds.
  private func hasEnded(within patience: Int32) -> Bool {
    guard at == buffer.count else { return false }
    var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&state, 1, patience) > 0 else { return false }
    return next() == nil
  }

  private func next() -> UInt8? {
    if at == buffer.count {
      var fresh = [UInt8](repeating: 0, count: 65_536)
      let count = recv(descriptor, &fresh, fresh.count, 0)
      if count < 0, errno == ECONNRESET { reset = true }
      guard count > 0 else { return nil }
      buffer = Array(fresh.prefix(count))
      at = 0
    }
    defer { at += 1 }
    return buffer[at]
  }

  private func line() -> String? {
    var text: [UInt8] = []
    while let byte = next() {
      if byte == 0x0A { return String(decoding: text.last == 0x0D ? text.dropLast() : text[...], as: UTF8.self) }
      text.append(byte)
    }
    return nil
  }
}

extension TestClient {
  /// One request on a connection of its own.
  static func ask(
    _ port: Int, _ method: String, _ target: String, headers: [(String, String)] = [], body: String? = nil,
    shouldClose: Bool = false
  ) -> Answer {
    TestClient(port: port).send(method, target, headers: headers, body: body.map { Array($0.utf8) })
      .receive(isHead: method == "HEAD", shouldClose: shouldClose)
  }

  /// `Authorization` of the superuser.
  static let admin = [("Authorization", "Basic YWRtaW46ZGlzdHJpY3Q="), ("Content-Type", "application/json")]
}
