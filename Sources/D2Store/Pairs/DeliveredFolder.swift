import D2Common
import Glibc

/// Records which changes this host delivered recently. Increments overlap, and without the record they would deliver
/// each change several times.
///
/// The record is not essential. If a file is missing or too old, the overlap is delivered again, which changes nothing
/// at the destination.
package enum DeliveredFolder {
  /// The variable with which a worker passes a slice's file to d2-pull.
  package static let variable = "D2_DELIVERED"

  /// The folder of a pair; `nil` if the user has no folder of their own.
  package static func path(_ environment: [String: String], _ store: StoreLocation, pair: Int) -> String? {
    guard let state = try? StateFolder.path(environment, orElse: "") else { return nil }
    return "\(state)/delivered/\(store.fingerprint)/pair-\(pair)"
  }

  /// The file for a slice's data set and units.
  package static func file(_ slice: Slice, in folder: String) -> String {
    let subject = "\(slice.kind.rawValue) \(slice.children) \(slice.orgUnits.joined(separator: ","))"
    return "\(folder)/\(slice.dataSet)-\(Fingerprint.of(subject))"
  }

  /// Deletes the record, because the user wants the changes again.
  package static func forget(_ folder: String) {
    for name in FolderNames.read(folder) { unlink("\(folder)/\(name)") }
  }
}
