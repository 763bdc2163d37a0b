import D2Common

/// What the Web API exports and imports of a data set: its data values, or the registrations that say where it is
/// complete.
package enum DataKind: String, Sendable, CaseIterable {
  // The store and the JSON of slices spell the cases like this.
  case dataValues = "values"
  case registrations = "registrations"

  /// The kind of a row of the store. Rows from before there were registrations name none.
  package init(stored text: String?) { self = text.flatMap { DataKind(rawValue: $0) } ?? .dataValues }

  /// Where the Web API exports and imports it.
  package var path: String { self == .dataValues ? "/api/dataValueSets" : "/api/completeDataSetRegistrations" }

  /// The key of the array that holds the items, in exports and imports.
  package var arrayKey: String { self == .dataValues ? "dataValues" : "completeDataSetRegistrations" }

  /// The key of an item's organisation unit.
  package var orgUnitKey: String { self == .dataValues ? "orgUnit" : "organisationUnit" }

  /// What one item is called in messages.
  package var noun: String { self == .dataValues ? "value" : "registration" }

  /// What follows the name of a data set if both kinds may be meant.
  package var suffix: String { self == .dataValues ? "" : ", registrations" }

  /// How far increments go back beyond the last one by default. They do so for imports that had begun but were not
  /// stored when the mark was taken, because their values carry the time of the beginning. They also do so for the
  /// clocks of one server's machines, which may differ. Registrations may carry the day only, and answers do not show
  /// when they were changed.
  package var overlapSeconds: Double { self == .dataValues ? 3600 : 86_400 }

  /// How exactly the time of the newest change can be found: registrations do not tell it themselves.
  package var resolutionSeconds: Int { self == .dataValues ? 1 : 60 }
}

extension DataValueLine {
  /// What a line holds: a registration names a data set, and no data element.
  @inline(__always)
  package var dataKind: DataKind {
    self[.dataElement].kind == .absent && self[.dataSet].kind != .absent ? .registrations : .dataValues
  }
}
