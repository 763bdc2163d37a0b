import D2Common

/// The kinds of data that the Web API exports and imports: data values, or the registrations of complete data sets.
package enum DataKind: String, Sendable, CaseIterable {
  // The store and the JSON of slices use these spellings.
  case dataValues = "values"
  case registrations = "registrations"

  /// The kind of a row of the store. Rows from before registrations have none.
  package init(stored text: String?) { self = text.flatMap { DataKind(rawValue: $0) } ?? .dataValues }

  /// The path of the Web API for exports and imports.
  package var path: String { self == .dataValues ? "/api/dataValueSets" : "/api/completeDataSetRegistrations" }

  /// The key of the array with the items, in exports and imports.
  package var arrayKey: String { self == .dataValues ? "dataValues" : "completeDataSetRegistrations" }

  /// The key of an item's organisation unit.
  package var orgUnitKey: String { self == .dataValues ? "orgUnit" : "organisationUnit" }

  /// The word for one item in messages.
  package var noun: String { self == .dataValues ? "value" : "registration" }

  /// The suffix of a data set's name if both kinds are possible.
  package var suffix: String { self == .dataValues ? "" : ", registrations" }

  /// How many seconds an increment overlaps the previous one by default. The overlap includes imports that had begun
  /// but were not stored when the mark was taken, because their values have the time of the beginning. It also allows
  /// for different clocks on one server's machines. Registrations may have only a day, and answers do not show when
  /// they changed.
  package var overlapSeconds: Double { self == .dataValues ? 3600 : 86_400 }

  /// The precision with which the newest change can be found, because registrations have no time.
  package var resolutionSeconds: Int { self == .dataValues ? 1 : 60 }
}

extension DataValueLine {
  /// The kind of a line: a registration names a data set, and no data element.
  @inline(__always)
  package var dataKind: DataKind {
    self[.dataElement].kind == .absent && self[.dataSet].kind != .absent ? .registrations : .dataValues
  }
}
