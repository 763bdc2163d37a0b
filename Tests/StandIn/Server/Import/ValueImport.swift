import D2Client
import D2Common

/// What an import works on: the payload, who posted it, and the rules of the run.
struct ImportRun: Sendable {
  var set: IncomingSet
  var options: ImportOptions
  var user: User
  /// The moment of the import, in milliseconds.
  var now: Int64
  /// Poison: a value that contains one of these texts makes the database refuse it.
  var poison: [String] = []
  /// Stop after that many values, as a database session does that ends half-way.
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
