import Glibc

/// Folders that only the user may look into: what d2 keeps holds data and may hold secrets.
package enum PrivateFolder {
  /// Makes a folder, and those above it, as far as they are missing. Whoever uses it finds out if that failed.
  package static func make(_ path: String) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += part
      mkdir(made, 0o700)
      made += "/"
    }
  }
}
