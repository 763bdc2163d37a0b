/// Someone who may sign in.
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
  /// The units whose subtrees the user may look at; empty falls back to those above.
  var viewUnits: [Int]

  var isSuperuser: Bool { authorities.contains("ALL") }
  var name: String { firstName + " " + surname }

  func has(_ authority: String) -> Bool { isSuperuser || authorities.contains(authority) }

  /// Where the user may look at data: 2.43 takes the units for entering data.
  func visibleUnits(_ version: ServerVersion) -> [Int] {
    version.hasDataEntryPipeline || viewUnits.isEmpty ? organisationUnits : viewUnits
  }

  /// The superuser of a fresh server, as the recorded ones had it.
  static func administrator(password: String, units: [Int]) -> User {
    User(
      uid: "M5zQapPyTZI", username: "admin", password: password, firstName: "admin", surname: "admin", code: "admin",
      authorities: ["ALL"], organisationUnits: units, viewUnits: units)
  }
}
