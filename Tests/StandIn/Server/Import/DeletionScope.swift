import D2Common

/// The `deletion` scope of a payload, from 2.43 on. In one transaction, all values of its elements in its units and
/// periods are deleted before those of the payload are stored.
struct DeletionScope {
  struct Element: Hashable {
    var dataElement: String
    var optionCombo: String
    var attributeCombo: String
  }

  var units: [String]
  var periods: [Period]
  var elements: [Element]

  /// What it names, as values that are to be deleted.
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
