import D2Common

extension MetadataView {
  /// An object with the requested fields.
  func render(_ reference: MetadataReference, _ filter: FieldFilter) -> JSONValue {
    var names = propertyNames(reference.kind)
    for field in filter.fields where !names.contains(field.name) { names.append(field.name) }
    var members: [JSONValue.Member] = []
    for name in names where !filter.excluded.contains(name) {
      let field = filter.fields.last { $0.name == name }
      guard field != nil || filter.isAll || isInPreset(name, filter.presets) else { continue }
      guard let property = property(name, of: reference) else { continue }
      members.append(.init(field?.renamed ?? name, render(property, field?.inner)))
    }
    return .object(members)
  }

  private func isInPreset(_ name: String, _ presets: Set<String>) -> Bool {
    let identifiable = ["id", "name", "code", "created", "lastUpdated"]
    if presets.contains(":identifiable"), identifiable.contains(name) { return true }
    if presets.contains(":nameable"), (identifiable + ["shortName", "description"]).contains(name) { return true }
    return presets.contains(":simple") && !["parent", "children", "ancestors", "dataSets", "users"].contains(name)
  }

  private func render(_ property: MetadataProperty, _ inner: FieldFilter?) -> JSONValue {
    switch property {
    case .value(let value): inner?.apply(value) ?? value
    case .object(let reference): renderInside(reference, inner)
    case .objects(let references):
      .array(references.filter { $0.kind != .organisationUnits || isVisible($0) }.map { renderInside($0, inner) })
    }
  }

  /// An object inside another one. Without requested fields it has only its id; a link has its two ends.
  private func renderInside(_ reference: MetadataReference, _ inner: FieldFilter?) -> JSONValue {
    if let inner { return render(reference, inner) }
    if reference.kind == .dataSetElements { return render(reference, FieldFilter("*")) }
    return ["id": .string(uid(reference))]
  }

  /// All values at the end of a path like `parent.id` or `dataSets.id`; `nil` if the path does not exist.
  func values(at path: [String], of reference: MetadataReference) -> [JSONValue]? {
    guard let name = path.first else { return [.string(uid(reference))] }
    guard let property = property(name, of: reference) else {
      return propertyNames(reference.kind).contains(name) ? [] : nil
    }
    let rest = Array(path.dropFirst())
    switch property {
    case .value(.array(let elements)): return rest.isEmpty ? elements : elements.compactMap { $0[rest[0]] }
    case .value(let value): return rest.isEmpty ? [value] : value[rest[0]].map { [$0] } ?? []
    case .object(let inner): return values(at: rest, of: inner)
    case .objects(let inner): return inner.flatMap { values(at: rest, of: $0) ?? [] }
    }
  }
}
