import D2Common

/// Real files from public repositories, which are not in this one. `D2_REAL_DATA` names their folder.
enum RealFiles {
  private static let folder = processEnvironment()["D2_REAL_DATA"]
  static var isThere: Bool { folder != nil }

  static func bytes(_ name: String) throws -> [UInt8] { try FileBytes.read("\(folder ?? "")/\(name)") }

  /// The rows of a table after its head, as columns.
  static func rows(_ name: String) throws -> [[String]] {
    String(decoding: try bytes(name), as: UTF8.self).split(separator: "\n").dropFirst()
      .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
  }
}
