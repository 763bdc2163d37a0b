import CProcess
import Glibc

/// A pipe of the system with both its ends.
struct Pipe: Sendable {
  let reading: Int32
  let writing: Int32

  init() {
    var ends: [Int32] = [0, 0]
    precondition(d2_pipe(&ends) == 0, "no pipe")
    reading = ends[0]
    writing = ends[1]
  }

  /// Writes all of it, in pieces of the sizes that `nextSize` draws.
  func write(_ bytes: [UInt8], nextSize: () -> Int = { .max }) {
    var at = 0
    while at < bytes.count {
      let length = min(max(1, nextSize()), bytes.count - at)
      let count = bytes[at..<at + length].withUnsafeBytes { Glibc.write(writing, $0.baseAddress, $0.count) }
      precondition(count > 0, "the pipe broke")
      at += count
    }
  }

  /// Reads to the end.
  func readAll() -> [UInt8] {
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = read(reading, &block, block.count)
      guard count > 0 else { return bytes }
      bytes += block[..<count]
    }
  }
}

/// A file that no other process can see.
func unnamedFile() -> Int32 {
  var template = Array("/tmp/d2-test-XXXXXX".utf8CString)
  let file = mkstemp(&template)
  precondition(file >= 0, "no file")
  unlink(template)
  return file
}
