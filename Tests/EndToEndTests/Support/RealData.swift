import D2Common
import Glibc

/// Real files from public repositories: data value sets, import answers, error bodies, period ids. They have their own
/// licences and are not in this repository. `D2_REAL_DATA` names their folder.
enum RealData {
  static let folder = processEnvironment()["D2_REAL_DATA"]
  static var isThere: Bool { folder != nil }

  static func names(_ subfolder: String) -> [String] {
    guard let folder, let directory = opendir("\(folder)/\(subfolder)") else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if !name.hasPrefix(".") { names.append("\(subfolder)/\(name)") }
    }
    return names.sorted()
  }

  static func bytes(_ name: String) throws -> [UInt8] { try FileBytes.read("\(folder ?? "")/\(name)") }

  /// The rows of a table without its header, as columns.
  static func rows(_ name: String) throws -> [[String]] {
    String(decoding: try bytes(name), as: UTF8.self).split(separator: "\n").dropFirst()
      .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
  }
}
