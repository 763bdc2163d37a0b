import Glibc

/// A pipe of the system with both its ends.
struct Pipe: Sendable {
  let reading: Int32
  let writing: Int32

  init() {
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0, "no pipe")
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
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

/// A file that nobody else sees.
func unnamedFile() -> Int32 {
  var template = Array("/tmp/d2-test-XXXXXX".utf8CString)
  let file = mkstemp(&template)
  precondition(file >= 0, "no file")
  unlink(template)
  return file
}

/// A folder that is gone with the test.
final class Folder {
  let path: String

  init() {
    var template = Array("/tmp/d2-test-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { fatalError("no folder") }
    path = String(cString: made)
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// What stands in it.
  var names: [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Makes a file and returns its path.
  func file(_ name: String, _ bytes: some Collection<UInt8>) -> String {
    let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    let bytes = Array(bytes)
    precondition(write(file, bytes, bytes.count) == bytes.count, "cannot write \(name)")
    close(file)
    return "\(path)/\(name)"
  }

  func file(_ name: String, _ text: String) -> String { file(name, text.utf8) }
}
