import D2Client
import D2Common

/// The input of an import: the payload, the user, and the options.
struct ImportRun: Sendable {
  var set: IncomingSet
  var options: ImportOptions
  var user: User
  /// The time of the import, in milliseconds.
  var now: Int64
  /// Poison: the database refuses a value that contains one of these texts.
  var poison: [String] = []
  /// Stop after this many values, like a database session that ends halfway.
  var limit: Int?

  func isPoisoned(_ text: String?) -> Bool {
    guard let text else { return false }
    return text.utf8.contains(0) || poison.contains { text.contains($0) }
  }
}

/// Imports data values by the rules of a version.
protocol ValueImport {
  func run(_ run: ImportRun, into store: inout ValueStore, registrations: inout RegistrationStore) -> ImportSummary
}
