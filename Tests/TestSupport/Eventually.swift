import Glibc

/// Waits until something is so, for at most half a minute: on a busy machine a thread gets its turn late.
///
/// - Returns: whether it was so in time.
public func eventually(_ holds: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<1500 {
    if try holds() { return true }
    usleep(20_000)
  }
  return false
}
