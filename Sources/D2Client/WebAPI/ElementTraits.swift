import D2Common

/// How a data element affects its values at the destination, besides the checks.
package struct ElementTraits: OptionSet, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Zeros are not significant, so servers up to 2.42 do not store them (docs/dhis2-servers.md, trap 25).
  package static let dropsZeros = ElementTraits(rawValue: 1)
  /// The values are booleans, in any spelling.
  package static let isBoolean = ElementTraits(rawValue: 2)
  /// The values are references to files of the server.
  package static let holdsFiles = ElementTraits(rawValue: 4)
  /// The values are integers.
  package static let isInteger = ElementTraits(rawValue: 8)

  /// The fields to request for an element.
  package static let fields = "id,valueType,aggregationType,zeroIsSignificant"
  /// Types of elements whose values are references to files.
  package static let fileTypes: Set<String> = ["FILE_RESOURCE", "IMAGE"]
  /// For averages, zeros are always significant.
  private static let averages: Set<String> = ["AVERAGE", "AVERAGE_SUM_ORG_UNIT"]

  /// Reads the traits of an element from the metadata API. A missing field counts as no trait.
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
    if type.hasPrefix("INTEGER") { traits.insert(.isInteger) }
    if Self.fileTypes.contains(type) { traits.insert(.holdsFiles) }
    self = traits
  }
}
