import D2Common

/// The default category option combo, for values without one of their own.
package enum DefaultCombo {
  /// Its uid on most servers.
  package static let usualUID = "HllvX50cXC0"

  /// Its uids on a server, nearly always one. - Throws: `ServerError`.
  package static func uids(_ client: DHIS2Client) throws -> [String] {
    let query = Query(["filter": "name:eq:default", "fields": "id", "paging": "false"])
    let combos =
      try client.lasting(query.target("/api/categoryOptionCombos")).document["categoryOptionCombos"]?.array ?? []
    return combos.compactMap { $0["id"]?.string }
  }
}
