import D2Common
import Glibc

/// Where a host keeps in mind which changes it has delivered a short time ago. Increments overlap: without this they
/// would deliver each change several times.
///
/// It is only a help: if a file is missing or too old, what the overlap holds is delivered again, which changes
/// nothing at the destination.
package enum DeliveredFolder {
  /// By which a worker tells d2-pull the file of a slice.
  package static let variable = "D2_DELIVERED"

  /// The folder of a pair; `nil` if the user has no folder of their own.
  package static func path(_ environment: [String: String], _ store: StoreLocation, pair: Int) -> String? {
    guard let state = try? StateFolder.path(environment, orElse: "") else { return nil }
    return "\(state)/delivered/\(store.fingerprint)/pair-\(pair)"
  }

  /// The file of what a slice is of: its data set and its units.
  package static func file(_ slice: Slice, in folder: String) -> String {
    let subject = "\(slice.kind.rawValue) \(slice.children) \(slice.orgUnits.joined(separator: ","))"
    return "\(folder)/\(slice.dataSet)-\(Fingerprint.of(subject))"
  }

  /// Forgets what was delivered: somebody wants it anew.
  package static func forget(_ folder: String) {
    for name in FolderNames.read(folder) { unlink("\(folder)/\(name)") }
  }
}
