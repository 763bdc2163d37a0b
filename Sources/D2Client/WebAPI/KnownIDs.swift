import D2Common

/// Which of some ids a server knows and lets the user see.
///
/// Servers up to 2.42 silently drop unknown ids from a query (docs/dhis2-servers.md, trap 3), and those from 2.43 on
/// answer with nothing. So d2 looks the ids up first.
public struct KnownIDs: Sendable {
  /// Of the asked-for ids, those that the server has.
  package private(set) var ids: Set<String> = []
  /// The paths of organisation units (`/root/…/uid`), if they were asked for.
  package private(set) var paths: [String: String] = [:]
  /// Data elements that hold files: those asked for, or those of the data sets asked for, if `lookingForFiles` says
  /// so.
  package private(set) var elementsOfFiles: Set<String> = []

  /// Asks for some ids of one kind of object.
  ///
  /// - Parameters:
  ///   - wanted: only what the server tells of these counts; all of them if it is `nil`.
  ///   - plural: the collection's name in the Web API: `organisationUnits`.
  ///   - urlBytes: how long a request's address may be.
  ///   - lookingForFiles: of data elements and data sets, asks for the types of values too.
  /// - Throws: `ServerError`.
  package init(
    _ asked: [String], of wanted: [String]? = nil, in plural: String, _ client: DHIS2Client,
    urlBytes: Int = RequestSize.safeURLBytes,
    lookingForFiles: Bool = false
  ) throws {
    let fields =
      switch (plural, lookingForFiles) {
      case ("organisationUnits", _): "id,path"
      case ("dataElements", true): "id,valueType"
      case ("dataSets", true): "id,dataSetElements[dataElement[id,valueType]]"
      default: "id"
      }
    try client.forEachObject(asked, in: plural, fields: fields, urlBytes: urlBytes) { object in
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
  /// Objects by their uids, many in one request. Those that the server lacks, or does not show, are left out.
  ///
  /// - Parameters:
  ///   - plural: the collection's name in the Web API: `organisationUnits`.
  ///   - body: takes each object as its answer comes, so that a later request that fails does not lose it.
  /// - Throws: `ServerError`.
  package func forEachObject(
    _ uids: [String], in plural: String, fields: String, urlBytes: Int = RequestSize.safeURLBytes,
    _ body: (JSONValue) -> Void
  ) throws {
    // A uid that cannot be one needs no question, and could not be put into a filter unharmed.
    let groups = RequestSize.groups(
      of: uids.filter(UID.canBe), bytesEach: { $0.utf8.count + 1 }, limit: urlBytes - 200 - fields.utf8.count)
    for group in groups {
      let filter = "id:in:[\(group.joined(separator: ","))]"
      try objects(in: plural, fields: fields, filter: filter, lasting: true).forEach(body)
    }
  }

  /// The same, all in memory. - Throws: `ServerError`.
  package func objects(_ uids: [String], in plural: String, fields: String) throws -> [JSONValue] {
    var objects: [JSONValue] = []
    try forEachObject(uids, in: plural, fields: fields) { objects.append($0) }
    return objects
  }

  /// The few objects that one condition holds for.
  ///
  /// - Parameter lasting: whether an answer of some minutes ago will do, which another command of the worker got.
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

/// How large a request may be.
package enum RequestSize {
  /// Real servers refuse 8 KB of request line and headers; half of it is safe behind any proxy.
  package static let safeURLBytes = 4096

  /// Cuts a list into runs whose parameters fit a number of bytes, and which hold no more than `most`.
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
