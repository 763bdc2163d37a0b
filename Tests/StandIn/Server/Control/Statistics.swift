import D2Common
import Synchronization

/// Records what the server has seen, so that tests can check how a client behaved.
final class Statistics: Sendable {
  private struct Counts {
    var requests: [String: Int] = [:]
    var order: [String] = []
    var logins = 0
    var tokenChecks = 0
    var bytesIn = 0
    var bytesOut = 0
    var connectionsOpened = 0
    var closedUnfinished = 0
    var running = 0
    var mostRunning = 0
    var recent: [JSONValue] = []
    var importSizes: [Int] = []
    var valuesSent = 0
    var notifications = 0
  }

  /// The size of `recent`.
  private static let recentLimit = 1000

  private let counts = Mutex(Counts())

  func reset() {
    counts.withLock {
      let running = $0.running
      $0 = Counts()
      $0.running = running
      $0.mostRunning = running
    }
  }

  func connectionOpened() { counts.withLock { $0.connectionsOpened += 1 } }
  func closedUnfinished() { counts.withLock { $0.closedUnfinished += 1 } }
  func login() { counts.withLock { $0.logins += 1 } }
  func tokenCheck() { counts.withLock { $0.tokenChecks += 1 } }
  func imported(values: Int) { counts.withLock { $0.importSizes.append(values) } }
  func notified() { counts.withLock { $0.notifications += 1 } }
  func exported(values: Int) { counts.withLock { $0.valuesSent += values } }

  /// How many requests are in progress.
  var running: Int { counts.withLock { $0.running } }

  func begin() {
    counts.withLock {
      $0.running += 1
      $0.mostRunning = max($0.mostRunning, $0.running)
    }
  }

  func transferred(bytesIn: Int, bytesOut: Int) {
    counts.withLock {
      $0.bytesIn += bytesIn
      $0.bytesOut += bytesOut
    }
  }

  func end(_ request: Request, status: Int) {
    let key = request.method + " " + request.path
    let line = Statistics.line(request, status: status)
    counts.withLock {
      $0.running -= 1
      if $0.requests[key] == nil { $0.order.append(key) }
      $0.requests[key, default: 0] += 1
      if $0.recent.count == Statistics.recentLimit { $0.recent.removeFirst() }
      $0.recent.append(line)
    }
  }

  private static func line(_ request: Request, status: Int) -> JSONValue {
    func header(_ name: String) -> JSONValue { request.header(name).map { .string($0) } ?? .null }
    return [
      "method": .string(request.method), "target": .string(request.target), "status": .int(status),
      "userAgent": header("user-agent"), "acceptEncoding": header("accept-encoding"),
      "xRequestedWith": header("x-requested-with"), "contentType": header("content-type"),
      "cookie": .bool(request.header("cookie") != nil), "authorization": .bool(request.header("authorization") != nil),
      "authorizationHeader": header("authorization"),
      "bodyBytes": .int(request.body.count),
    ]
  }

  var json: JSONValue {
    counts.withLock { counts in
      [
        "requests": .object(counts.order.map { .init($0, .int(counts.requests[$0] ?? 0)) }),
        "logins": .int(counts.logins), "tokenChecks": .int(counts.tokenChecks),
        "bytesIn": .int(counts.bytesIn), "bytesOut": .int(counts.bytesOut),
        "connectionsOpened": .int(counts.connectionsOpened), "closedUnfinished": .int(counts.closedUnfinished),
        "running": .int(counts.running), "maxConcurrentRequests": .int(counts.mostRunning),
        "importSizes": .array(counts.importSizes.map { .int($0) }), "valuesSent": .int(counts.valuesSent),
        "notifications": .int(counts.notifications),
        "recent": .array(counts.recent),
      ]
    }
  }
}
