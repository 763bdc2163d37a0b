import D2Common
import Glibc

/// The bytes of a file descriptor: a file, a pipe, or standard input.
public final class DescriptorSource: ByteSource {
  /// How long a signal that ends the command may remain unnoticed while no input comes.
  private static let pollMilliseconds: Int32 = 200

  /// The path, or the given name.
  public let name: String
  private let descriptor: Int32
  /// Whether this object opened the file.
  private let isOwn: Bool

  /// - Parameters:
  ///   - descriptor: it stays open.
  ///   - name: its name for messages.
  public init(descriptor: Int32, name: String) {
    self.name = name
    self.descriptor = descriptor
    isOwn = false
    PipeSize.widen(descriptor)
  }

  /// Opens a file, and closes it together with this source.
  ///
  /// - Throws: `CommandFailure`, 74.
  public init(path: String) throws {
    name = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandFailure(.cannotRead, "cannot read \(path): \(SystemError())") }
    isOwn = true
    PipeSize.widen(descriptor)
  }

  deinit { if isOwn { close(descriptor) } }

  /// - Throws: `CommandFailure`: 74 if it cannot be read, or the signal's status.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&polled, 1, Self.pollMilliseconds)
      try Signals.check()
      if ready == 0 { continue }
      let got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if got >= 0 { return got }
      guard errno == EINTR || errno == EAGAIN else {
        throw CommandFailure(.cannotRead, "cannot read \(name): \(SystemError())")
      }
    }
  }
}
