import D2Common

/// A list of objects: filtered, ordered, paged.
struct MetadataList {
  let view: MetadataView
  let kind: MetadataKind
  let request: Request

  private var version: ServerVersion { view.version }

  func answer() -> Response {
    if isInOrderOfIds, !isNarrowed { return allUnitsInOrder() }
    var found = positions.map { MetadataReference(kind: kind, position: $0) }.filter(view.isVisible)
    let all = found.count
    do throws(MetadataFilter.Refused) {
      found = narrowed(found)
      found = try filtered(found)
    } catch {
      return version.minor <= 40
        ? ErrorPages.message(409, error.message) : ErrorPages.message(400, error.message, code: "E1003")
    }
    sort(&found)
    let fields = FieldFilter(request.first("fields") ?? "id,displayName")
    guard request.first("paging")?.lowercased() != "false" else {
      return .json(200, [kind.rawValue: .array(found.map { view.render($0, fields) })], type: version.jsonType)
    }
    // 2.40 counts all units, even if it shows only the user's own.
    let total = version.minor <= 40 && request.flag("userOnly") ? all : found.count
    let (page, pager) = paged(found.count, total: total)
    return .json(
      200, ["pager": pager, kind.rawValue: .array(found[page].map { view.render($0, fields) })], type: version.jsonType)
  }

  /// Whether it is the usual request for many units: page by page in the order of ids, which is known.
  private var isInOrderOfIds: Bool {
    kind == .organisationUnits && ["id", "id:asc"].contains(request.first("order"))
  }

  private var isNarrowed: Bool {
    let all: Set<String> = ["fields", "order", "page", "pageSize", "format"]
    return request.parameters.contains { !all.contains($0.name) }
  }

  /// A page of all units, without reading the others.
  private func allUnitsInOrder() -> Response {
    let positions = view.metadata.organisationUnitsByUid
    let fields = FieldFilter(request.first("fields") ?? "id,displayName")
    let (page, pager) = paged(positions.count, total: positions.count)
    let units = positions[page].map { view.render(MetadataReference(kind: kind, position: $0), fields) }
    return .json(200, ["pager": pager, kind.rawValue: .array(units)], type: version.jsonType)
  }

  private var positions: [Int] {
    isInOrderOfIds ? view.metadata.organisationUnitsByUid : Array(0..<view.count(kind))
  }

  // MARK: - Choosing

  /// Applies the parameters that only organisation units have.
  private func narrowed(_ found: [MetadataReference]) -> [MetadataReference] {
    guard kind == .organisationUnits else { return found }
    let units = view.metadata.organisationUnits
    let user = view.user
    var result = found
    if request.flag("userOnly") {
      result = result.filter { user.organisationUnits.contains($0.position) }
    } else if request.flag("userDataViewOnly") {
      result = result.filter { user.viewUnits.contains($0.position) }
    } else if request.flag("userDataViewFallback") {
      let own = user.viewUnits.isEmpty ? user.organisationUnits : user.viewUnits
      result = result.filter { own.contains($0.position) }
    }
    if request.flag("withinUserHierarchy") {
      result = result.filter { view.metadata.isWithin($0.position, anyOf: user.organisationUnits) }
    }
    if let level = request.first("level").flatMap({ Int($0) }) {
      result = result.filter { units[$0.position].level == level }
    }
    if let level = request.first("maxLevel").flatMap({ Int($0) }) {
      result = result.filter { units[$0.position].level <= level }
    }
    return result
  }

  private func filtered(_ found: [MetadataReference]) throws(MetadataFilter.Refused) -> [MetadataReference] {
    var filters: [MetadataFilter] = []
    for text in request.parameters where text.name == "filter" { filters.append(try MetadataFilter(text.value)) }
    if let query = request.first("query") { filters.append(try MetadataFilter("name:ilike:" + query)) }
    guard !filters.isEmpty else { return found }
    for filter in filters { try checkPath(filter) }
    let either = request.first("rootJunction")?.uppercased() == "OR"
    return found.filter { reference in
      let matches = { (filter: MetadataFilter) in
        filter.matches(view.values(at: filter.path, of: reference) ?? [])
      }
      return either ? filters.contains(where: matches) : filters.allSatisfy(matches)
    }
  }

  private func checkPath(_ filter: MetadataFilter) throws(MetadataFilter.Refused) {
    let known = view.propertyNames(kind) + ["dataSetElements", "domainType"]
    if let name = filter.path.first, !known.contains(name) {
      throw .init(message: "Unknown path property: \(filter.path.joined(separator: "."))")
    }
  }

  // MARK: - Ordering

  /// Compares names like the database: in lower case, byte by byte.
  static func nameOrder(_ a: String, _ b: String) -> Bool {
    func folded(_ text: String) -> [UInt8] { text.utf8.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 } }
    return folded(a).lexicographicallyPrecedes(folded(b))
  }

  private func sort(_ found: inout [MetadataReference]) {
    func text(_ reference: MetadataReference, _ name: String) -> String {
      view.values(at: [name], of: reference)?.first?.scalarText ?? ""
    }
    guard !isInOrderOfIds else { return }
    guard let order = request.first("order") else {
      let keyed = found.map { ($0, text($0, kind.defaultOrder)) }
      // Up to 2.40 the names of option combos are not in the database, and are compared exactly.
      let exact = kind == .organisationUnitLevels || (kind == .categoryOptionCombos && version.minor <= 40)
      found = keyed.sorted { exact ? MetadataFilter.order($0.1, $1.1) < 0 : Self.nameOrder($0.1, $1.1) }.map(\.0)
      return
    }
    let keys = order.split(separator: ",").map { $0.split(separator: ":").map(String.init) }
    let keyed = found.map { reference in (reference, keys.map { text(reference, $0[0]) }) }
    found = keyed.sorted { a, b in
      for (index, key) in keys.enumerated() {
        let ignoresCase = key.count > 1 && key[1].hasPrefix("i")
        let (x, y) = ignoresCase ? (a.1[index].lowercased(), b.1[index].lowercased()) : (a.1[index], b.1[index])
        let order = MetadataFilter.order(x, y)
        if order != 0 { return key.count > 1 && key[1].hasSuffix("desc") ? order > 0 : order < 0 }
      }
      return false
    }.map(\.0)
  }

  // MARK: - Paging

  /// The range of the requested page.
  private func paged(_ count: Int, total: Int) -> (Range<Int>, JSONValue) {
    let size = max(1, request.first("pageSize").flatMap { Int($0) } ?? 50)
    let pageCount = max(1, (total + size - 1) / size)
    let asked = max(1, request.first("page").flatMap { Int($0) } ?? 1)
    // A page after the end is empty, and counts as the last one.
    let page = min(asked, pageCount)
    let start = min(count, (asked - 1) * size)
    var pager: [JSONValue.Member] = [
      .init("page", .int(page)), .init("total", .int(total)), .init("pageSize", .int(size)),
    ]
    if page < pageCount { pager.append(.init("nextPage", .string(link(page + 1)))) }
    if page > 1 { pager.append(.init("prevPage", .string(link(page - 1)))) }
    pager.append(.init("pageCount", .int(pageCount)))
    return (start..<min(count, start + size), .object(pager))
  }

  /// The address of another page: first its number and size, then the other parameters, and then the fields.
  private func link(_ page: Int) -> String {
    func pairs(_ names: [String]) -> [String] {
      request.parameters.filter { names.contains($0.name) }.map { $0.name + "=" + Request.encoded($0.value) }
    }
    let last = ["fields", "filter", "order"]
    let others = request.parameters.map(\.name).filter { !(last + ["page", "pageSize"]).contains($0) }
    let parts = ["page=\(page)"] + pairs(["pageSize"]) + pairs(others) + pairs(last)
    return "\(view.base)/api/\(kind.rawValue)?" + parts.joined(separator: "&")
  }
}
