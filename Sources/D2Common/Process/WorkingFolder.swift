import Glibc

/// The folder of the running command, which contains the other commands too.
package enum OwnFolder {
  /// `nil` if the system does not report it.
  package static var path: String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard length > 0 else { return nil }
    let path = String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
    return path.lastIndex(of: "/").map { String(path[..<$0]) }
  }
}

/// The folder for relative paths. `PWD` may be out of date, because not every program updates it when it starts us
/// elsewhere.
package enum WorkingFolder {
  /// A path that means the same in each folder.
  package static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/") else { return path }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard getcwd(&buffer, buffer.count) != nil else { return path }
    let here = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return (here == "/" ? "" : here) + "/" + path
  }
}
