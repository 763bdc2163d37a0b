import D2Common

extension JSONValue {
  /// The uids in an object's collection: in `{"organisationUnits":[{"id":"…"}]}`.
  package func uids(_ collection: String) -> [String] {
    (self[collection]?.array ?? []).compactMap { $0["id"]?.string }
  }
}

extension DHIS2Client {
  /// Reads the organisation units of a group or data set, or the children of a unit.
  ///
  /// - Parameters:
  ///   - plural: the collection of the object in the Web API: `organisationUnitGroups`.
  ///   - collection: the name of the members in the object.
  ///   - fields: the fields of each member: `id,path`.
  /// - Returns: none if the server lacks the object or does not show it.
  /// - Throws: `ServerError`.
  package func units(
    of uid: String, in plural: String, _ collection: String = "organisationUnits", fields: String
  ) throws -> [JSONValue] {
    if let units = try unitsAtOnce(of: uid, in: plural, collection, fields: fields) { return units }
    let owner = collection == "children" ? "parent" : plural
    return try MetadataPages("organisationUnits", fields: fields, filters: ["\(owner).id:eq:\(uid)"], self).all()
  }

  /// The same, always in one answer. A filter through a reference (`dataSets.id:eq:…`) could ask for pages, but up to
  /// 2.42 each page makes the server load all of its units (docs/dhis2-servers.md, "Metadata").
  ///
  /// - Returns: `nil` if the answer is larger than a document may be.
  package func unitsAtOnce(
    of uid: String, in plural: String, _ collection: String = "organisationUnits", fields: String
  ) throws -> [JSONValue]? {
    guard UID.canBe(uid) else { return [] }
    let target = Query(["fields": "\(collection)[\(fields)]"]).target("/api/\(plural)/\(uid)")
    do {
      return try retrying { _ -> [JSONValue]? in
        do {
          return try datedOnce(target).document[collection]?.array ?? []
        } catch let error as ServerError where error.isOfTooLargeAnswer {
          return nil
        }
      }
    } catch let error as ServerError where error.kind == .status(404) {
      return []
    }
  }
}

extension ServerError {
  /// Whether the answer was larger than a document may be. A retry would end in the same way.
  fileprivate var isOfTooLargeAnswer: Bool { kind == .broken && message == Transfer.tooLargeText }
}
