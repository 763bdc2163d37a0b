import Glibc

/// The capacity of pipes.
package enum PipeSize {
  /// Linux's `F_SETPIPE_SZ`, which Swift's view of glibc lacks.
  private static let setPipeBytes: Int32 = 1031
  private static let bytes: Int32 = 1 << 20

  /// Increases the capacity of a pipe, so that writer and reader alternate less often. Other files stay as they are.
  package static func widen(_ descriptor: Int32) { _ = fcntl(descriptor, setPipeBytes, bytes) }
}
