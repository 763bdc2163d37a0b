import Glibc

/// Why a server could not start.
public struct ListenError: Error, CustomStringConvertible {
  /// The failure.
  public let description: String
}

/// Accepts connections on 127.0.0.1, and starts a thread for each.
final class Listener: Sendable {
  private let descriptor: Int32
  let port: Int

  init(port wanted: Int) throws(ListenError) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(wanted).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    guard descriptor >= 0, bound == 0, listen(descriptor, 128) == 0 else {
      throw ListenError(description: "cannot listen on 127.0.0.1:\(wanted): \(String(cString: strerror(errno)))")
    }
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &size) }
    }
    self.descriptor = descriptor
    port = Int(in_port_t(bigEndian: address.sin_port))
  }

  /// Serves until the listener is closed.
  func run(_ server: any Service) {
    let descriptor = descriptor
    Thread.start {
      while true {
        let client = accept(descriptor, nil, nil)
        guard client >= 0 else {
          if errno == EINTR || errno == ECONNABORTED { continue }
          close(descriptor)
          return
        }
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        Thread.start { Connection(socket: Socket(descriptor: client), server: server).serve() }
      }
    }
  }

  /// Stops accepting. The accepting thread wakes up with an error, and closes the socket.
  func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

/// A detached POSIX thread.
enum Thread {
  private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  static func start(_ run: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let work = Unmanaged.passRetained(Work(run))
    let code = pthread_create(
      &thread, &attributes,
      { argument in
        Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, work.toOpaque())
    if code != 0 { work.release() }
    pthread_attr_destroy(&attributes)
  }
}
