import D2Common

/// An aggregate data exchange as a server of 2.39 or later keeps it: what it would ask its own analytics for, and where
/// it would send that.
package struct DataExchange: Sendable {
  /// One of its requests.
  package struct Request: Sendable {
    package let name: String
    /// Data items, periods and organisation units, as they are typed there: uids or other ids, `LAST_3_MONTHS`,
    /// `LEVEL-3`.
    package let items: [String]
    package let periods: [String]
    package let orgUnits: [String]
    package let filters: [(dimension: String, items: [String])]
    /// How it sums up, instead of each data element's own way.
    package let aggregationType: String?
    /// Of the ids that it names; `nil` for uids.
    package let inputScheme: String?
    /// Of the ids that it sends, by d2-pull's options: `--id-scheme`.
    package let outputSchemes: [(option: String, scheme: String)]
  }

  package let uid: String
  package let name: String
  package let requests: [Request]
  /// Whether it sends to its own server.
  package let isInternal: Bool
  /// The other server's address, and who signs in there; a secret is never shown.
  package let targetURL: String?
  package let targetUsername: String?
  /// Options of d2-push that do what its target's request asks for.
  package let pushOptions: [String]

  // MARK: Finding it

  private static let path = "/api/aggregateDataExchanges"

  /// Asks a server for an exchange, by its uid, code or name.
  ///
  /// - Parameter option: which names it, for messages.
  /// - Throws: `ServerError`; `CommandFailure`, 64 if no exchange is called so, or several are.
  package init(named text: String, option: String = "--exchange", _ client: DHIS2Client) throws {
    let all = try Self.all(client)
    let matches = ["id", "code", "name"].lazy.map { key in all.filter { $0[key]?.string == text } }.first {
      !$0.isEmpty
    }
    guard let matches, matches.count == 1, let uid = matches[0]["id"]?.string, UID.canBe(uid) else {
      let known = (matches ?? all).map { "\($0["id"]?.string ?? "") (\($0["name"]?.string ?? ""))" }
      let list = known.isEmpty ? "" : ": \(Enumeration.few(known, client.log))"
      throw CommandFailure(
        .usage,
        matches == nil
          ? "\(option) \(text.quoted): there is no exchange with this uid, code or name that the user may see at \(client.server)\(list)"
          : "\(option) \(text.quoted): several exchanges have this name: give the uid\(list)")
    }
    self.init(try client.json("\(Self.path)/\(uid)"))
  }

  private static func all(_ client: DHIS2Client) throws -> [JSONValue] {
    do { return try MetadataPages("aggregateDataExchanges", fields: "id,code,name", client).all() } catch {
      guard let failure = error as? ServerError, failure.kind == .status(404) else { throw error }
      throw CommandFailure(.usage, "\(client.server) has no data exchanges: servers have them from 2.39 on")
    }
  }

  /// Reads the document of one.
  package init(_ document: JSONValue) {
    uid = document["id"]?.string ?? ""
    name = document["name"]?.string ?? uid
    requests = (document["source"]?["requests"]?.array ?? []).map(Self.request)
    let target = document["target"]
    isInternal = target?["type"]?.string != "EXTERNAL"
    targetURL = target?["api"]?["url"]?.string
    targetUsername = target?["api"]?["username"]?.string
    let asked = target?["request"]
    let schemes = [
      ("idScheme", "--id-scheme"), ("dataElementIdScheme", "--data-element-id-scheme"),
      ("orgUnitIdScheme", "--org-unit-id-scheme"),
      ("categoryOptionComboIdScheme", "--category-option-combo-id-scheme"),
    ]
    var options = schemes.flatMap { key, option in Self.scheme(asked?[key]).map { [option, $0] } ?? [] }
    if let strategy = asked?["importStrategy"]?.string, strategy != "CREATE_AND_UPDATE" {
      options += ["--import-strategy", strategy]
    }
    if asked?["dryRun"]?.bool == true { options.append("--dry-run") }
    pushOptions = options
  }

  private static func request(_ document: JSONValue) -> Request {
    func texts(_ value: JSONValue?) -> [String] { (value?.array ?? []).compactMap(\.scalarText) }
    // The scheme of data elements, or of all data items if that has none.
    let item = scheme(document["outputDataElementIdScheme"]) ?? scheme(document["outputDataItemIdScheme"])
    let schemes = [
      ("--id-scheme", scheme(document["outputIdScheme"])), ("--data-element-id-scheme", item),
      ("--org-unit-id-scheme", scheme(document["outputOrgUnitIdScheme"])),
    ]
    return Request(
      name: document["name"]?.string ?? "", items: texts(document["dx"]), periods: texts(document["pe"]),
      orgUnits: texts(document["ou"]),
      filters: (document["filters"]?.array ?? []).map { ($0["dimension"]?.string ?? "", texts($0["items"])) },
      aggregationType: document["aggregationType"]?.string.flatMap { $0 == "DEFAULT" ? nil : $0 },
      inputScheme: scheme(document["inputIdScheme"]),
      outputSchemes: schemes.compactMap { option, scheme in scheme.map { (option, $0) } })
  }

  /// A scheme that is not the usual one.
  private static func scheme(_ value: JSONValue?) -> String? {
    value?.string.flatMap { ["UID", "ID", ""].contains($0.uppercased()) ? nil : $0 }
  }
}
