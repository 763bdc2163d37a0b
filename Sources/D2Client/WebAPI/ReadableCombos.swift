import D2Common

/// The option combos of which a user may read the data: those without a category option that is closed to the user.
///
/// For a user with limited rights, an export silently leaves out the values of other attribute option combos
/// (docs/dhis2-servers.md, "Exports"). So what it lacks of them is not missing at the server.
extension DHIS2Client {
  private static let access = "categoryOptions[access[data[read]]]"

  /// Of some category option combos, those that the user may read. Those that the server lacks are not among them.
  ///
  /// The server is asked anew: rights may have changed since another command asked.
  ///
  /// - Throws: `ServerError`.
  package func readableOptionCombos(_ uids: [String]) throws -> Set<String> {
    var readable: Set<String> = []
    try forEachObject(uids, in: "categoryOptionCombos", fields: "id,\(Self.access)", lasting: false) { combo in
      if let id = Self.readable(combo) { readable.insert(id) }
    }
    return readable
  }

  /// The attribute option combos of some data sets that the user may read, sorted.
  ///
  /// - Parameter lasting: whether another command's answer from some minutes ago may be used.
  /// - Throws: `ServerError`.
  package func readableAttributeOptionCombos(ofDataSets uids: [String], lasting: Bool = true) throws -> [String] {
    var readable: Set<String> = []
    let fields = "id,categoryCombo[categoryOptionCombos[id,\(Self.access)]]"
    try forEachObject(uids, in: "dataSets", fields: fields, lasting: lasting) { set in
      let combos = set["categoryCombo"]?["categoryOptionCombos"]?.array ?? []
      readable.formUnion(combos.compactMap { Self.readable($0) })
    }
    return readable.sorted()
  }

  /// The uid of a combo if the user may read all of its options.
  private static func readable(_ combo: JSONValue) -> String? {
    guard let options = combo["categoryOptions"]?.array, !options.isEmpty,
      options.allSatisfy({ $0["access"]?["data"]?["read"]?.bool == true })
    else { return nil }
    return combo["id"]?.string
  }
}
