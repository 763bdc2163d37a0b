import D2Common

/// The options that select data and organisation units by uid.
package enum ExportSubject {
  package static let dataElements = Option("--data-element", values: "UID", help: "Select these data elements.")
  package static let dataElementGroups = Option(
    "--data-element-group", values: "UID", help: "Select these data element groups.")
  package static let orgUnits = Option("--org-unit", values: "UID", help: "Select these organisation units.")
  package static let orgUnitGroups = Option(
    "--org-unit-group", values: "UID", help: "Select these organisation unit groups.")
}
