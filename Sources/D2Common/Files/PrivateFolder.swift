import Glibc

/// Folders that only their user can read, because d2's files contain data and may contain secrets.
package enum PrivateFolder {
  /// Creates a folder and its missing parents. If that fails, the first use of the folder reports it.
  package static func make(_ path: String) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += part
      mkdir(made, 0o700)
      made += "/"
    }
  }
}
