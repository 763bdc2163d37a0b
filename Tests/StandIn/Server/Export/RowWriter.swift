import D2Common

/// Writes rows as JSON directly into a buffer.
struct RowWriter {
  let metadata: Metadata
  let query: ExportQuery
  private let explicitNulls: Bool
  private let elements: [[UInt8]]
  private let units: [[UInt8]]
  private let optionCombos: [[UInt8]]
  private let attributeCombos: [[UInt8]]

  init(metadata: Metadata, version: ServerVersion, query: ExportQuery) {
    self.metadata = metadata
    self.query = query
    explicitNulls = !version.hasDataEntryPipeline
    func json(_ id: String?) -> [UInt8] {
      Array((id.map { JSONValue.string($0) } ?? .null).jackson.utf8)
    }
    elements = metadata.dataElements.map { json(query.elementScheme.id(uid: $0.uid, code: $0.code, name: $0.name)) }
    units = metadata.organisationUnits.map { json(query.unitScheme.id(uid: $0.uid, code: $0.code, name: $0.name)) }
    optionCombos = metadata.categoryOptionCombos.map {
      json(query.optionComboScheme.id(uid: $0.uid, code: $0.code, name: $0.name))
    }
    attributeCombos = metadata.categoryOptionCombos.map {
      json(query.attributeComboScheme.id(uid: $0.uid, code: $0.code, name: $0.name))
    }
  }

  func write(_ row: ValueRow, _ store: ValueStore, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "{"))
    key("\"dataElement\":", elements[Int(row.key.element)], &out)
    if !query.hoistsPeriod {
      append(",\"period\":\"", &out)
      out += store.periods[Int(row.key.period)].id.utf8
      out.append(UInt8(ascii: "\""))
    }
    if !query.hoistsUnit { key(",\"orgUnit\":", units[Int(row.key.unit)], &out) }
    key(",\"categoryOptionCombo\":", optionCombos[Int(row.key.optionCombo)], &out)
    if !query.hoistsAttributeCombo {
      key(",\"attributeOptionCombo\":", attributeCombos[Int(row.key.attributeCombo)], &out)
    }
    text(",\"value\":", row.value, &out)
    text(",\"storedBy\":", store.text(row.storedBy), &out)
    append(",\"created\":\"", &out)
    Stamp.write(row.created, to: &out)
    append("+0000\",\"lastUpdated\":\"", &out)
    Stamp.write(row.lastUpdated, to: &out)
    append("+0000\"", &out)
    text(",\"comment\":", store.text(row.comment), &out)
    if let followUp = row.followUp {
      append(followUp ? ",\"followup\":true" : ",\"followup\":false", &out)
    } else if explicitNulls {
      append(",\"followup\":false", &out)
    }
    if row.isDeleted { append(",\"deleted\":true", &out) }
    out.append(UInt8(ascii: "}"))
  }

  private func append(_ text: StaticString, _ out: inout [UInt8]) {
    text.withUTF8Buffer { out.append(contentsOf: $0) }
  }

  private func key(_ name: StaticString, _ json: [UInt8], _ out: inout [UInt8]) {
    append(name, &out)
    out += json
  }

  private func text(_ name: StaticString, _ value: String?, _ out: inout [UInt8]) {
    guard let value else {
      if explicitNulls {
        append(name, &out)
        append("null", &out)
      }
      return
    }
    append(name, &out)
    var text = value
    text.withUTF8 { bytes in
      // Nearly all values need no escape, and are copied at once.
      if bytes.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
        out.append(UInt8(ascii: "\""))
        out.append(contentsOf: bytes)
        out.append(UInt8(ascii: "\""))
      } else {
        out += JSONValue.string(value).jackson.utf8
      }
    }
  }
}
