/// A user account.
struct User: Sendable {
  var uid: String
  var username: String
  var password: String
  var firstName: String
  var surname: String
  var code: String?
  var authorities: [String]
  /// The units whose subtrees the user enters data for.
  var organisationUnits: [Int]
  /// The units whose subtrees the user may read; if empty, those above.
  var viewUnits: [Int]

  var isSuperuser: Bool { authorities.contains("ALL") }
  var name: String { firstName + " " + surname }

  func has(_ authority: String) -> Bool { isSuperuser || authorities.contains(authority) }

  /// The units whose data the user may read. 2.43 uses the units for data entry.
  func visibleUnits(_ version: ServerVersion) -> [Int] {
    version.hasDataEntryPipeline || viewUnits.isEmpty ? organisationUnits : viewUnits
  }

  /// The superuser of a new server, as on the recorded ones.
  static func administrator(password: String, units: [Int]) -> User {
    User(
      uid: "M5zQapPyTZI", username: "admin", password: password, firstName: "admin", surname: "admin", code: "admin",
      authorities: ["ALL"], organisationUnits: units, viewUnits: units)
  }
}
