import Glibc

/// How much a pipe holds.
package enum PipeSize {
  /// `F_SETPIPE_SZ` of Linux, which Swift's view of glibc leaves out.
  private static let setPipeBytes: Int32 = 1031
  private static let bytes: Int32 = 1 << 20

  /// Makes a pipe hold more, so that its writer and its reader change places less often. Other files stay as they are.
  package static func widen(_ descriptor: Int32) { _ = fcntl(descriptor, setPipeBytes, bytes) }
}
