import CProcess
import Glibc

/// Finds the name by which a program was called.
enum CalledName {
  /// The last part of the name from the caller: `d2-pull`.
  static let own: String = lastPart(CommandLine.arguments.first ?? "")

  /// The most links to follow, as in the kernel.
  private static let mostLinks = 40

  /// The caller's name for this program if it is one of `names`. Otherwise the name of the executed file, or of the
  /// first link on the path that has such a name: `pull -> d2-pull -> d2` is d2-pull.
  static func find(among names: [String]) -> String? {
    if names.contains(own) { return own }
    guard let executed = d2_executed_path() else { return nil }
    var path = String(cString: executed)
    for _ in 0...mostLinks {
      if names.contains(lastPart(path)) { return lastPart(path) }
      guard let target = target(of: path) else { return nil }
      path = target.hasPrefix("/") ? target : path.dropLast(lastPart(path).count) + target
    }
    return nil
  }

  private static func lastPart(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  /// The target of a link; `nil` if the file is not a link.
  private static func target(of link: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink(link, &buffer, buffer.count)
    return length > 0 ? String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
  }
}
