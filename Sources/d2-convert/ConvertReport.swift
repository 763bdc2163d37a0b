import D2Common
import D2Convert

/// The report on stderr at the end of a conversion.
struct ConvertReport {
  let counts: ConversionCounts
  let conversion: Conversion

  func say(_ log: Log) {
    for warning in warnings { log.warning(warning) }
    var converted = counted(counts.values, "value")
    if counts.registrations > 0 {
      converted += ", \(counted(counts.registrations, "registration")) of completeness"
    }
    var parts = [converted + " converted"]
    if counts.completions > 0, let path = conversion.registrationsPath {
      parts.append("\(counted(counts.completions, "completeDate")) written to \(path)")
    }
    log.info(parts.joined(separator: ", "))
  }

  private var warnings: [String] {
    schemes + completions + combos + leftOut + spellings
  }

  private var schemes: [String] {
    let named = counts.idSchemes.filter { $0.value.uppercased() != "UID" }.sorted { $0.key < $1.key }
    let options = named.filter { Self.schemesOfPush.contains($0.key) }.map { key, scheme in
      "\(Self.option(key)) \(ShellWord.quoted(scheme))"
    }
    let others = named.filter { !Self.schemesOfPush.contains($0.key) }.map { "\($0.key) \($0.value)" }
    return (options.isEmpty ? [] : ["the ids are not uids: give d2-push \(options.joined(separator: " "))"])
      + (others.isEmpty ? [] : ["d2-push has no option for what the input says: \(others.joined(separator: ", "))"])
  }

  /// The schemes that d2-push has options for.
  private static let schemesOfPush: Set<String> = [
    "idScheme", "dataElementIdScheme", "orgUnitIdScheme", "categoryOptionComboIdScheme",
    "attributeOptionComboIdScheme", "dataSetIdScheme",
  ]

  /// The option of d2-push: `--data-element-id-scheme` for `dataElementIdScheme`.
  private static func option(_ key: String) -> String {
    "--" + key.map { $0.isUppercase ? "-\($0.lowercased())" : String($0) }.joined()
  }

  private var completions: [String] {
    guard counts.completionsLeftOut > 0 else { return [] }
    let dates = counted(counts.completionsLeftOut, "completeDate")
    return ["\(dates) left out, because it is not a value: --registrations FILE keeps it for d2-push --registrations"]
  }

  private var combos: [String] {
    var lines: [String] = []
    for (presence, name) in [
      (counts.categoryCombos, "categoryOptionCombo"), (counts.attributeCombos, "attributeOptionCombo"),
    ] where presence.with > 0 && presence.without > 0 {
      lines.append(
        "\(counted(presence.without, "value")) of \(counts.values) without \(name.quoted), which a server stores under "
          + "the default combo; the others have one")
    }
    if counts.combosByOptions > 0 {
      lines.append(
        "\(counted(counts.combosByOptions, "option combo")) given by categories and their options: only servers from "
          + "2.43 on read them, with d2-push --data-set")
    }
    return lines
  }

  private var leftOut: [String] {
    let deleted = counts.deletedLeftOut
    let lines = deleted > 0 ? ["\(counted(deleted, "deleted value")) left out: a wide sheet has no place for them"] : []
    return lines
      + ValueField.allCases.compactMap { field in
        let count = counts.leftOut[field.rawValue]
        guard count > 0 else { return nil }
        let what = "\(field.key) left out of \(counted(count, "value")), since this form has no place for it"
        return field == .created || field == .dataSet
          ? conversion.wideOut == nil ? what + " (--columns \(field.key) adds it)" : what : what
      }
  }

  private var spellings: [String] {
    var lines: [String] = []
    if counts.decimalCommas > 0 {
      lines.append(
        "\(counted(counts.decimalCommas, "value")) with a comma as in 12,5: --decimal-comma reads it as 12.5")
    }
    if counts.hardForCSV > 0 {
      lines.append(
        "\(counted(counts.hardForCSV, "value")) with quotes or line breaks: DHIS2 2.43 reads them wrong from CSV; "
          + "--to document keeps them, or d2-push")
    }
    return lines
  }
}
