import D2Common

/// What a data element does to its values at the destination, besides checking them.
package struct ElementTraits: OptionSet, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Zeros are not significant: up to 2.42 they are not stored (docs/dhis2-servers.md, trap 25).
  package static let dropsZeros = ElementTraits(rawValue: 1)
  /// The values are true or false, whatever their spelling.
  package static let isBoolean = ElementTraits(rawValue: 2)
  /// The values are references to files of the server.
  package static let holdsFiles = ElementTraits(rawValue: 4)

  /// What has to be asked of an element.
  package static let fields = "id,valueType,aggregationType,zeroIsSignificant"
  /// Types of elements whose values are references to files.
  package static let fileTypes: Set<String> = ["FILE_RESOURCE", "IMAGE"]
  /// Of averages zeros are always significant.
  private static let averages: Set<String> = ["AVERAGE", "AVERAGE_SUM_ORG_UNIT"]

  /// Reads the traits of an element of the metadata API; those of which it does not tell are left out.
  package init(_ element: JSONValue) {
    var traits = ElementTraits()
    let type = element["valueType"]?.string ?? ""
    let isNumeric = type.hasPrefix("INTEGER") || ["NUMBER", "UNIT_INTERVAL", "PERCENTAGE"].contains(type)
    if isNumeric, element["zeroIsSignificant"]?.bool == false,
      !Self.averages.contains(element["aggregationType"]?.string ?? "")
    {
      traits.insert(.dropsZeros)
    }
    if type == "BOOLEAN" || type == "TRUE_ONLY" { traits.insert(.isBoolean) }
    if Self.fileTypes.contains(type) { traits.insert(.holdsFiles) }
    self = traits
  }
}
