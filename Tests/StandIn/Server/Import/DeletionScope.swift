import D2Common

/// The `deletion` scope of a payload, from 2.43 on. In one transaction, the server deletes all values of its elements
/// in its units and periods, and then stores the payload's values.
struct DeletionScope {
  struct Element: Hashable {
    var dataElement: String
    var optionCombo: String
    var attributeCombo: String
  }

  var units: [String]
  var periods: [Period]
  var elements: [Element]

  /// The contents of the scope, as values to delete.
  var values: [DataEntryImport.Decoded] {
    elements.flatMap { element in
      units.flatMap { unit in
        periods.map { period in
          var incoming = IncomingValue()
          incoming.categoryOptionCombo = element.optionCombo
          incoming.attributeOptionCombo = element.attributeCombo
          incoming.deleted = true
          return .init(
            index: -1, element: element.dataElement, unit: unit, optionCombo: element.optionCombo,
            attributeCombo: element.attributeCombo, period: period, incoming: incoming)
        }
      }
    }
  }
}
