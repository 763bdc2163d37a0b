import D2Common
import D2Store

/// The rules of 2.36 to 2.42 for one value with resolved ids. The first failed rule counts.
struct DataValueValidator {
  let metadata: Metadata
  let version: ServerVersion
  let run: ImportRun
  /// The latest period open for entry, by data set.
  private let latestOpen: [Period]

  init(metadata: Metadata, version: ServerVersion, run: ImportRun) {
    self.metadata = metadata
    self.version = version
    self.run = run
    let today = CalendarDate(dayNumber: Int(run.now / 86_400_000))
    latestOpen = metadata.dataSets.map {
      $0.periodType.latestOpen(on: today, openFuturePeriods: $0.openFuturePeriods)
    }
  }

  func check(_ value: IncomingValue, _ found: DataValueSetImport.Resolved, _ dataSet: Int?) -> ImportProblem? {
    let element = metadata.dataElements[found.element]
    return checkAccess(found) ?? checkContent(value, element) ?? checkStrict(value, found, element, dataSet)
      ?? checkTime(element, found.element, found.period, dataSet)
  }

  private func checkAccess(_ found: DataValueSetImport.Resolved) -> ImportProblem? {
    if !run.user.isSuperuser {
      for (code, combo, what) in [
        ("E7614", found.optionCombo, "Category"), ("E7616", found.attributeCombo, "Attribute"),
      ] {
        guard let option = metadata.closedOption(of: combo, { $0.writesData(run.user) }) else { continue }
        let uid = metadata.categoryOptionCombos[combo].uid
        return ImportProblem(
          code, "\(what) option combo: `\(uid)` option not accessible: `\(option)`",
          [("categoryOptionCombo", uid), ("categoryOption", option)], nil)
      }
    }
    if metadata.isWithin(found.unit, anyOf: run.user.organisationUnits) { return nil }
    let uid = metadata.organisationUnits[found.unit].uid
    return ImportProblem(
      "E7617", "Organisation unit: `\(uid)` not in hierarchy of current user: `\(run.user.uid)`",
      [("organisationUnit", uid), ("user", run.user.uid)], "orgUnit")
  }

  private func checkContent(_ value: IncomingValue, _ element: DataElement) -> ImportProblem? {
    let text = value.value ?? ""
    if text.isEmpty, (value.comment ?? "").isEmpty, value.deleted != true {
      return ImportProblem(
        "E7618", "Data value or comment not specified for data element: `\(element.uid)`",
        [("dataElement", element.uid)], "value")
    }
    if !text.allSatisfy({ $0 == " " }), let refusal = ValueTypeRules.check(text, type: element.valueType, version) {
      return ImportProblem(
        "E7619", "Value must match value type of data element `\(element.uid)`: `\(refusal.text)`",
        [("dataElement", element.uid), ("value", refusal.code)], "value")
    }
    if let comment = value.comment, comment.unicodeScalars.count > ValueTypeRules.maxLength {
      let code = "comment_length_greater_than_max_length"
      return ImportProblem(
        "E7620", "Invalid comment: Comment is greater than max length", [("comment", code)], "comment")
    }
    if let set = element.optionSet, value.value != nil || value.deleted == true,
      !metadata.optionSets[set].codes.contains(text)
    {
      return ImportProblem(
        "E7621", "Data value is not a valid option of the data element option set: `\(element.uid)`",
        [("dataElement", element.uid)], "value")
    }
    if let storedBy = value.storedBy, storedBy.utf8.count > 255 {
      let code = "stored_by_length_greater_than_max_length"
      return ImportProblem(
        "E7637", "Invalid storedBy: Stored by is greater than max length", [("storedBy", code)], "storedBy")
    }
    return nil
  }

  /// The rules that an import enables by parameters.
  private func checkStrict(
    _ value: IncomingValue, _ found: DataValueSetImport.Resolved, _ element: DataElement, _ named: Int?
  ) -> ImportProblem? {
    let options = run.options
    let sets = metadata.dataSetsOfElement[found.element].map { metadata.dataSets[$0] }
    if options.has("requireCategoryOptionCombo"), value.categoryOptionCombo == nil {
      return ImportProblem("E7630", "Category option combo is required but is not specified", [], "categoryOptionCombo")
    }
    if options.has("requireAttributeOptionCombo"), value.attributeOptionCombo == nil {
      return ImportProblem(
        "E7631", "Attribute option combo is required but is not specified", [], "attributeOptionCombo")
    }
    if options.has("strictPeriods"), !sets.contains(where: { $0.periodType == found.period.type }) {
      return ImportProblem(
        "E7632", "Period type of period: `\(found.period.id)` not valid for data element: `\(element.uid)`",
        [("period", found.period.id), ("dataElement", element.uid)], nil)
    }
    if options.has("strictDataElements"), let named, !metadata.dataSets[named].elements.contains(found.element) {
      let uid = metadata.dataSets[named].uid
      return ImportProblem(
        "E7633", "Data element: `\(element.uid)` is not part of dataset: `\(uid)`",
        [("dataElement", element.uid), ("dataSet", uid)], "dataElement")
    }
    let combo = metadata.categoryOptionCombos[found.optionCombo]
    if options.has("strictCategoryOptionCombos"), combo.combo != element.combo {
      return ImportProblem(
        "E7634",
        "Category option combo: `\(combo.uid)` must be part of category combo of data element: `\(element.uid)`",
        [("categoryOptionCombo", combo.uid), ("dataElement", element.uid)], "categoryOptionCombo")
    }
    let attribute = metadata.categoryOptionCombos[found.attributeCombo]
    if options.has("strictAttributeOptionCombos"), !sets.contains(where: { $0.combo == attribute.combo }) {
      return ImportProblem(
        "E7635",
        "Attribute option combo: `\(attribute.uid)` must be part of category combo of data sets of data element: "
          + "`\(element.uid)`",
        [("categoryOptionCombo", attribute.uid), ("dataElement", element.uid)], "attributeOptionCombo")
    }
    if options.has("strictOrganisationUnits"), !sets.contains(where: { $0.unitSet.contains(found.unit) }) {
      let uid = metadata.organisationUnits[found.unit].uid
      return ImportProblem(
        "E7636", "Data element: `\(element.uid)` must be assigned through data sets to organisation unit: `\(uid)`",
        [("organisationUnit", uid), ("dataElement", element.uid)], "orgUnit")
    }
    return nil
  }

  /// Checks locks and future periods. It is enough if one data set of the element allows the period.
  private func checkTime(_ element: DataElement, _ index: Int, _ period: Period, _ named: Int?) -> ImportProblem? {
    if run.user.isSuperuser, run.options.has("force") { return nil }
    let sets = named.map { [$0] } ?? metadata.dataSetsOfElement[index]
    guard let first = sets.first else { return nil }
    let today = Int(run.now / 86_400_000)
    func isLocked(_ set: DataSet) -> Bool { set.expiryDays > 0 && today > period.end.dayNumber + set.expiryDays }
    if !run.user.has("F_EDIT_EXPIRED"), sets.allSatisfy({ isLocked(metadata.dataSets[$0]) }) {
      let uid = metadata.dataSets[first].uid
      return ImportProblem(
        "E7640", "Current date is past expiry days for period: `\(period.id)`  and data set: `\(uid)`",
        [("period", period.id), ("dataSet", uid)], "period")
    }
    let openings = metadata.dataSetsOfElement[index].map {
      (set: metadata.dataSets[$0].uid, latest: latestOpen[$0])
    }
    if let opening = openings.first, openings.allSatisfy({ period.start > $0.latest.end }) {
      return ImportProblem(
        "E7641",
        "Period: `\(period.id)` is after latest open future period: `\(opening.latest.id)` for data element: "
          + "`\(element.uid)` and data set: `\(opening.set)`",
        [("period", period.id), ("dataElement", element.uid), ("dataSet", opening.set)], "period")
    }
    return nil
  }
}
