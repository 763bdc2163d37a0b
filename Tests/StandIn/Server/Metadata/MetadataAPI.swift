import D2Common

/// `GET /api/<collection>` and `GET /api/<collection>/<uid>`.
struct MetadataAPI {
  let server: Server
  let call: APICall
  let user: User

  private var request: Request { call.request }
  private var version: ServerVersion { server.version }

  /// Collections that every server has, and that are empty in this country.
  private static let empty: Set<String> = [
    "categoryOptionGroupSets", "categoryOptionGroups", "dataElementGroupSets", "organisationUnitGroupSets",
  ]

  func answer() -> Response? {
    if call.resource.count == 1, Self.empty.contains(call.resource[0]) {
      let pager: JSONValue = ["page": 1, "total": 0, "pageSize": 50, "pageCount": 1]
      return .json(200, .object([.init("pager", pager), .init(call.resource[0], [])]), type: version.jsonType)
    }
    guard let kind = call.resource.first.flatMap(MetadataKind.init(rawValue:)), kind != .dataSetElements else {
      return nil
    }
    let view = MetadataView(
      metadata: server.metadata, version: version, user: user, users: server.authentication.users, base: call.base,
      created: server.started)
    switch call.resource.count {
    case 1: return MetadataList(view: view, kind: kind, request: request).answer()
    case 2: return one(call.resource[1], kind, view)
    default: return nil
    }
  }

  private func one(_ uid: String, _ kind: MetadataKind, _ view: MetadataView) -> Response {
    if version.minor >= 41, !IdLookup.isUid(uid) {
      return ErrorPages.container(version, 400, "Invalid request parameters.")
    }
    let found = (0..<view.count(kind)).lazy.map { MetadataReference(kind: kind, position: $0) }
      .first { view.uid($0) == uid && view.isVisible($0) }
    guard let found else {
      return ErrorPages.message(404, "\(kind.singular) with id \(uid) could not be found.", code: "E1005")
    }
    if kind == .organisationUnits, let related = related(found.position, view) {
      let fields = FieldFilter(request.first("fields") ?? "id,displayName")
      let units = related.map { view.render(MetadataReference(kind: kind, position: $0), fields) }
      return .json(200, ["organisationUnits": .array(units)], type: version.jsonType)
    }
    return .json(200, view.render(found, FieldFilter(request.first("fields") ?? "*")), type: version.jsonType)
  }

  /// The units around one: descendants, children, ancestors or a level below it. Up to 2.40 the presence of the
  /// parameter counts, whatever its value.
  private func related(_ position: Int, _ view: MetadataView) -> [Int]? {
    func wants(_ name: String) -> Bool {
      request.first(name).map { version.minor <= 40 || $0.lowercased() != "false" } ?? false
    }
    let units = server.metadata.organisationUnits
    let chosen: [Int]
    if wants("includeDescendants") {
      chosen = units.indices.filter { server.metadata.isWithin($0, position) }
    } else if wants("includeChildren") {
      chosen = [position] + units[position].children
    } else if wants("includeAncestors") {
      chosen = view.ancestors(of: position) + [position]
    } else if let level = request.first("level").flatMap({ Int($0) }) {
      chosen = units.indices.filter {
        server.metadata.isWithin($0, position) && units[$0].level == units[position].level + level
      }
    } else {
      return nil
    }
    return chosen.sorted { MetadataList.nameOrder(units[$0].name, units[$1].name) }
  }
}
