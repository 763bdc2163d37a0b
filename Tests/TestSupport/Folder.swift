import D2Common
import Glibc

/// A folder that is deleted at the end of the test.
package final class Folder {
  package let path: String

  package init() {
    var template = Array("/tmp/d2-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no folder") }
    path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// The names of its files.
  package var names: [String] { FolderNames.read(path).sorted() }

  /// Creates a file, and returns its path.
  package func file(_ name: String, _ bytes: some Collection<UInt8>) -> String {
    let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    let bytes = Array(bytes)
    precondition(write(file, bytes, bytes.count) == bytes.count, "cannot write \(name)")
    close(file)
    return "\(path)/\(name)"
  }

  package func file(_ name: String, _ text: String) -> String { file(name, text.utf8) }
}
