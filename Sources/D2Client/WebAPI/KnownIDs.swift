import D2Common

/// Finds which of some ids a server knows and shows to the user.
///
/// Servers up to 2.42 silently drop unknown ids from a query (docs/dhis2-servers.md, trap 3). Those from 2.43 on then
/// answer without data. So d2 looks the ids up first.
public struct KnownIDs: Sendable {
  /// The requested ids that the server has.
  package private(set) var ids: Set<String> = []
  /// The paths of organisation units (`/root/…/uid`), if they were requested.
  package private(set) var paths: [String: String] = [:]
  /// Data elements that contain files: among those requested, or in the requested data sets, if `lookingForFiles` is
  /// set.
  package private(set) var elementsOfFiles: Set<String> = []

  /// Requests some ids of one kind of object.
  ///
  /// - Parameters:
  ///   - wanted: the ids whose answers matter; `nil` for all.
  ///   - plural: the collection's name in the Web API: `organisationUnits`.
  ///   - urlBytes: the longest address of a request.
  ///   - lookingForFiles: whether to request the value types of data elements and data sets too.
  ///   - lasting: whether another command's answer from some minutes ago may be used.
  /// - Throws: `ServerError`.
  package init(
    _ asked: [String], of wanted: [String]? = nil, in plural: String, _ client: DHIS2Client,
    urlBytes: Int = RequestSize.safeURLBytes,
    lookingForFiles: Bool = false, lasting: Bool = true
  ) throws {
    let fields =
      switch (plural, lookingForFiles) {
      case ("organisationUnits", _): "id,path"
      case ("dataElements", true): "id,valueType"
      case ("dataSets", true): "id,dataSetElements[dataElement[id,valueType]]"
      default: "id"
      }
    try client.forEachObject(asked, in: plural, fields: fields, urlBytes: urlBytes, lasting: lasting) { object in
      guard let id = object["id"]?.string, wanted?.contains(id) ?? true else { return }
      ids.insert(id)
      paths[id] = object["path"]?.string
      let elements = (object["dataSetElements"]?.array ?? []).compactMap { $0["dataElement"] } + [object]
      for element in elements where ElementTraits(element).contains(.holdsFiles) {
        if let id = element["id"]?.string { elementsOfFiles.insert(id) }
      }
    }
  }
}

extension DHIS2Client {
  /// Reads objects by uid, many in one request. It leaves out those that the server lacks or does not show.
  ///
  /// - Parameters:
  ///   - plural: the collection's name in the Web API: `organisationUnits`.
  ///   - lasting: whether another command's answer from some minutes ago may be used.
  ///   - body: called with each object when its answer comes, so that a later failure does not lose it.
  /// - Throws: `ServerError`.
  package func forEachObject(
    _ uids: [String], in plural: String, fields: String, urlBytes: Int = RequestSize.safeURLBytes,
    lasting: Bool = true, _ body: (JSONValue) -> Void
  ) throws {
    // A text that cannot be a uid needs no request, and would not be safe in a filter.
    let groups = RequestSize.groups(
      of: uids.filter(UID.canBe), bytesEach: { $0.utf8.count + 1 }, limit: urlBytes - 200 - fields.utf8.count)
    for group in groups {
      let filter = "id:in:[\(group.joined(separator: ","))]"
      try objects(in: plural, fields: fields, filter: filter, lasting: lasting).forEach(body)
    }
  }

  /// The same, with all objects in memory. - Throws: `ServerError`.
  package func objects(_ uids: [String], in plural: String, fields: String) throws -> [JSONValue] {
    var objects: [JSONValue] = []
    try forEachObject(uids, in: plural, fields: fields) { objects.append($0) }
    return objects
  }

  /// The uids of the data elements of each known data set.
  ///
  /// - Parameter lasting: whether another command's answer from some minutes ago may be used.
  /// - Throws: `ServerError`.
  package func dataElements(ofDataSets uids: [String], lasting: Bool = true) throws -> [String: [String]] {
    var found: [String: [String]] = [:]
    let fields = "id,dataSetElements[dataElement[id]]"
    try forEachObject(uids, in: "dataSets", fields: fields, lasting: lasting) { set in
      guard let id = set["id"]?.string, let elements = set["dataSetElements"]?.array else { return }
      found[id] = elements.compactMap { $0["dataElement"]?["id"]?.string }
    }
    return found
  }

  /// Reads the objects that match a filter, for short lists.
  ///
  /// - Parameter lasting: whether another command's answer from some minutes ago may be used.
  /// - Throws: `ServerError`.
  package func objects(
    in plural: String, fields: String, filter: String, lasting: Bool = false
  ) throws -> [JSONValue] {
    let target = Query(["fields": fields, "filter": filter, "paging": "false"]).target("/api/\(plural)")
    let answer = try lasting ? self.lasting(target).document : json(target)
    guard let objects = answer[plural]?.array else {
      throw ServerError(server, target, .notDHIS2, "the answer has no \(plural)")
    }
    return objects
  }
}

/// Limits the size of requests.
package enum RequestSize {
  /// Some real servers refuse 8 KB of request line and headers; half of that is safe behind any proxy.
  package static let safeURLBytes = 4096

  /// Divides a list into groups of consecutive items. Their parameters fit a number of bytes, and each has at most
  /// `most` items.
  package static func groups<Item>(
    of items: [Item], bytesEach: (Item) -> Int, limit: Int, most: Int = .max
  ) -> [[Item]] {
    var groups: [[Item]] = []
    var bytes = 0
    for item in items {
      let size = bytesEach(item)
      if let last = groups.indices.last, bytes + size <= limit, groups[last].count < most {
        groups[last].append(item)
        bytes += size
      } else {
        groups.append([item])
        bytes = size
      }
    }
    return groups
  }
}
