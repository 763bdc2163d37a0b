import Glibc

/// Reads and writes whole files.
enum File {
  struct CannotWrite: Error, CustomStringConvertible {
    let path: String
    var description: String { "cannot write \(path)" }
  }

  static func read(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += piece.prefix(count)
    }
  }

  /// Writes another file and renames it, so that a reader never sees an incomplete file.
  static func write(_ text: String, to path: String) throws {
    let part = path + ".part"
    guard let file = fopen(part, "w") else { throw CannotWrite(path: path) }
    fputs(text, file)
    guard fclose(file) == 0, rename(part, path) == 0 else { throw CannotWrite(path: path) }
  }

  /// Writes to a descriptor at once, without a buffer that could be lost after a signal.
  static func say(_ text: String, on descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}
