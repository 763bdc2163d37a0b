import D2Common

/// Decodes posted texts to uids and periods. In 2.43, the first text that is not a uid or period fails the whole
/// request.
struct DataEntryDecoder {
  private typealias Refusal = DataEntryImport.Refusal

  let metadata: Metadata
  let version: ServerVersion
  let run: ImportRun

  func decode() throws -> [DataEntryImport.Decoded] {
    let schemes = run.options
    let elements = Ids(schemes.scheme("dataElementIdScheme"), metadata.dataElements(by:)) {
      metadata.dataElements[$0].uid
    }
    let units = Ids(schemes.scheme("orgUnitIdScheme"), metadata.organisationUnits(by:)) {
      metadata.organisationUnits[$0].uid
    }
    let combos = Ids(schemes.scheme("categoryOptionComboIdScheme"), metadata.categoryOptionCombos(by:)) {
      metadata.categoryOptionCombos[$0].uid
    }
    let attributes = Ids(schemes.scheme("attributeOptionComboIdScheme"), metadata.categoryOptionCombos(by:)) {
      metadata.categoryOptionCombos[$0].uid
    }
    let periods = PeriodCache(version)
    var result: [DataEntryImport.Decoded] = []
    result.reserveCapacity(run.set.values.count)
    // The value's own keys take precedence; the header provides missing ones.
    for (index, value) in run.set.values.enumerated() {
      let element = try id(
        value.dataElement, elements, index, value, "data element", missing: "E8102", unknown: "E8103", odd: "E8104")
      let unit = try id(
        value.orgUnit ?? run.set.text("orgUnit"), units, index, value, "org unit", missing: "E8105", unknown: "E8107",
        odd: "E8106")
      let combo =
        try ofOptions(value.categoryOptions, index) { set in
          metadata.dataElementByUid[element].map { metadata.dataElements[$0].combo }
        }
        ?? optional(
          value.categoryOptionCombo, combos, index, "category option combo", unknown: "E8108", odd: "E8109")
      let attribute =
        try ofOptions(value.attributeOptions, index) { set in metadata.dataSets[set].combo }
        ?? optional(
          value.attributeOptionCombo ?? run.set.text("attributeOptionCombo"), attributes, index,
          "attribute option combo", unknown: "E8110", odd: "E8111")
      guard let period = (value.period ?? run.set.text("period")).flatMap({ periods[$0] }) else {
        throw Refusal(
          "E8100", [String(index), value.description],
          "Value #\(index) period not defined in group or value: `\(value.description)`")
      }
      result.append(
        .init(
          index: index, element: element, unit: unit, optionCombo: combo, attributeCombo: attribute, period: period,
          incoming: value))
    }
    return result
  }

  /// The deletion scope, if the payload has one. A missing option combo means the default one.
  func decodeScope() throws -> DeletionScope? {
    guard let scope = run.set.header["deletion"] else { return nil }
    let schemes = run.options
    func id(_ text: String?, _ scheme: String, _ lookup: (IdScheme) -> IdLookup, _ uid: (Int) -> String) throws
      -> String?
    {
      guard let text else { return nil }
      let scheme = schemes.scheme(scheme)
      if scheme == .uid {
        guard IdLookup.isUid(text) else {
          throw Refusal("E8035", [text], "Data set deletion scope ID is not a valid UID: `\(text)`")
        }
        return text
      }
      guard let position = lookup(scheme)[text] else {
        throw Refusal("E8034", [text], "Data set deletion scope ID refers to a non-existing object: `\(text)`")
      }
      return uid(position)
    }
    func combo(_ json: JSONValue, _ key: String, _ scheme: String) throws -> String {
      try id(json[key]?.string, scheme, metadata.categoryOptionCombos(by:)) { metadata.categoryOptionCombos[$0].uid }
        ?? Metadata.defaultOptionComboUid
    }
    return DeletionScope(
      units: try (scope["orgUnits"]?.array ?? []).compactMap {
        try id($0.string, "orgUnitIdScheme", metadata.organisationUnits(by:)) { metadata.organisationUnits[$0].uid }
      },
      periods: (scope["periods"]?.array ?? []).compactMap { $0.string.flatMap { PeriodParser.parse($0, version) } },
      elements: try (scope["elements"]?.array ?? []).compactMap { json in
        try id(json["dataElement"]?.string, "dataElementIdScheme", metadata.dataElements(by:)) {
          metadata.dataElements[$0].uid
        }.map {
          .init(
            dataElement: $0, optionCombo: try combo(json, "categoryOptionCombo", "categoryOptionComboIdScheme"),
            attributeCombo: try combo(json, "attributeOptionCombo", "attributeOptionComboIdScheme"))
        }
      })
  }

  /// The uids of one kind of object, in a scheme.
  private struct Ids {
    let scheme: IdScheme
    let lookup: IdLookup?
    let uid: (Int) -> String

    init(_ scheme: IdScheme, _ lookup: (IdScheme) -> IdLookup, _ uid: @escaping (Int) -> String) {
      self.scheme = scheme
      self.lookup = scheme == .uid ? nil : lookup(scheme)
      self.uid = uid
    }
  }

  private func id(
    _ text: String?, _ ids: Ids, _ index: Int, _ value: IncomingValue, _ what: String, missing: String, unknown: String,
    odd: String
  ) throws -> String {
    guard let text else {
      throw Refusal(
        missing, [String(index), value.description],
        "Value #\(index) \(what) not defined in group or value: `\(value.description)`")
    }
    return try known(text, ids, index, what, unknown: unknown, odd: odd)
  }

  private func optional(
    _ text: String?, _ ids: Ids, _ index: Int, _ what: String, unknown: String, odd: String
  ) throws -> String {
    guard let text else { return Metadata.defaultOptionComboUid }
    return try known(text, ids, index, what, unknown: unknown, odd: odd)
  }

  /// The combo of options that are given by category; `nil` if there is no such object. The request must name the data
  /// set.
  private func ofOptions(_ options: [JSONValue.Member]?, _ index: Int, _ combo: (Int) -> Int?) throws -> String? {
    guard let options else { return nil }
    let shown = "{" + options.map { "\($0.key)=\($0.value.scalarText ?? "null")" }.joined(separator: ", ") + "}"
    guard
      let set = run.set.text("dataSet").flatMap({ metadata.dataSets(by: run.options.scheme("dataSetIdScheme"))[$0] })
    else {
      throw Refusal(
        "E8101", ["\(index)-\(shown)"], "Value #\(index) data set is required to decode category options: `\(shown)`")
    }
    let wanted = options.compactMap { option in
      metadata.categoryOptions.firstIndex { $0.uid == option.value.scalarText }
    }
    let found = combo(set).flatMap { combo in
      metadata.categoryCombos[combo].optionCombos.first {
        wanted.count == options.count && Set(metadata.categoryOptionCombos[$0].options) == Set(wanted)
      }
    }
    guard let found else {
      throw Refusal(
        "E8108", ["\(index)-\(shown)"], "Value #\(index) category option combo not found: `\(shown)`")
    }
    return metadata.categoryOptionCombos[found].uid
  }

  private func known(_ text: String, _ ids: Ids, _ index: Int, _ what: String, unknown: String, odd: String) throws
    -> String
  {
    guard let lookup = ids.lookup else {
      if IdLookup.isUid(text) { return text }
      // The two kinds of ids have different messages.
      let is_ = what == "data element" ? "" : "is "
      throw Refusal(odd, [String(index), text], "Value #\(index) \(what) UID \(is_)not valid: `\(text)`")
    }
    guard let position = lookup[text] else {
      throw Refusal(unknown, [String(index), text], "Value #\(index) \(what) not found: `\(text)`")
    }
    return ids.uid(position)
  }
}
