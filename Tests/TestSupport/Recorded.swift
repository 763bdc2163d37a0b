import CZlib
import D2Common

/// The recorded exchanges of real servers: `Tests/Recorded`, or the folder that `D2_RECORDED` names.
package enum Recorded {
  /// The folder of the recordings.
  package static let folder: String = {
    if let named = processEnvironment()["D2_RECORDED"] { return named }
    let path = #filePath
    return path[..<path.firstRange(of: "/TestSupport/")!.lowerBound] + "/Recorded"
  }()

  /// A file that cannot be read completely.
  package struct Unreadable: Error { package let path: String }

  /// The content of a file, which may be compressed and then has `.gz` after its name.
  package static func bytes(_ name: String) throws -> [UInt8] {
    let path = "\(folder)/\(name)"
    // zlib also reads uncompressed files.
    guard let file = gzopen(path, "r") ?? gzopen(path + ".gz", "r") else { throw Unreadable(path: path) }
    defer { gzclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = gzread(file, &piece, UInt32(piece.count))
      // A truncated file is an error too.
      guard count >= 0, count > 0 || gzeof(file) == 1 else { throw Unreadable(path: path) }
      guard count > 0 else { return bytes }
      bytes += piece.prefix(Int(count))
    }
  }
}
