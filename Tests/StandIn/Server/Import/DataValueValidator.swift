/// The rules that 2.36 to 2.42 put to one value whose ids were found; the first that fails counts.
struct DataValueValidator {
  let metadata: Metadata
  let version: ServerVersion
  let run: ImportRun
  /// The latest period that is open for entry, by data set.
  private let latestOpen: [Period]

  init(metadata: Metadata, version: ServerVersion, run: ImportRun) {
    self.metadata = metadata
    self.version = version
    self.run = run
    latestOpen = metadata.dataSets.map {
      $0.periodType.latestOpen(today: Int(run.now / 86_400_000), openFuturePeriods: $0.openFuturePeriods)
    }
  }

  func check(_ value: IncomingValue, _ elementIndex: Int, _ period: Period, _ unit: Int, _ dataSet: Int?)
    -> ImportProblem?
  {
    let element = metadata.dataElements[elementIndex]
    let unitUid = metadata.organisationUnits[unit].uid
    if !metadata.isWithin(unit, anyOf: run.user.organisationUnits) {
      return ImportProblem(
        "E7617", "Organisation unit: `\(unitUid)` not in hierarchy of current user: `\(run.user.uid)`",
        [("organisationUnit", unitUid), ("user", run.user.uid)], "orgUnit")
    }
    return checkContent(value, element) ?? checkStrict(element, elementIndex, period, unit)
      ?? checkTime(element, elementIndex, period, dataSet)
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

  private func checkStrict(_ element: DataElement, _ index: Int, _ period: Period, _ unit: Int) -> ImportProblem? {
    let sets = metadata.dataSetsOfElement[index]
    if run.options.has("strictPeriods"), !sets.contains(where: { metadata.dataSets[$0].periodType == period.type }) {
      return ImportProblem(
        "E7632", "Period type of period: `\(period.id)` not valid for data element: `\(element.uid)`",
        [("period", period.id), ("dataElement", element.uid)], nil)
    }
    if run.options.has("strictOrganisationUnits"),
      !sets.contains(where: { metadata.dataSets[$0].unitSet.contains(unit) })
    {
      let uid = metadata.organisationUnits[unit].uid
      return ImportProblem(
        "E7636", "Data element: `\(element.uid)` must be assigned through data sets to organisation unit: `\(uid)`",
        [("organisationUnit", uid), ("dataElement", element.uid)], "orgUnit")
    }
    return nil
  }

  /// Locks and future periods. One data set of the element that allows the period is enough.
  private func checkTime(_ element: DataElement, _ index: Int, _ period: Period, _ named: Int?) -> ImportProblem? {
    if run.user.isSuperuser, run.options.has("force") { return nil }
    let sets = named.map { [$0] } ?? metadata.dataSetsOfElement[index]
    guard let first = sets.first else { return nil }
    let today = Int(run.now / 86_400_000)
    func isLocked(_ set: DataSet) -> Bool { set.expiryDays > 0 && today > period.end + set.expiryDays }
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
