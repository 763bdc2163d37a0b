import D2Common

/// An aggregate data exchange of a server from 2.39 on: what it reads from its own analytics, and where it sends that.
package struct DataExchange: Sendable {
  /// One of its requests.
  package struct Request: Sendable {
    package let name: String
    /// Data items, periods and organisation units, as typed there: uids or other ids, `LAST_3_MONTHS`, `LEVEL-3`.
    package let items: [String]
    package let periods: [String]
    package let orgUnits: [String]
    package let filters: [(dimension: String, items: [String])]
    /// The aggregation type, instead of each data element's own.
    package let aggregationType: String?
    /// The scheme of the ids that it names; `nil` for uids.
    package let inputScheme: String?
    /// The id schemes of what it sends: of data elements, of other data items, and of organisation units.
    package let elementScheme: String
    package let itemScheme: String
    package let unitScheme: String
  }

  package let uid: String
  package let name: String
  package let requests: [Request]
  /// Whether it sends the values to its own server.
  package let isInternal: Bool
  /// The other server's address, and the user there; a secret is never shown.
  package let targetURL: String?
  package let targetUsername: String?
  /// The options of d2-push that match the request of its target.
  package let pushOptions: [String]

  // MARK: Finding it

  private static let path = "/api/aggregateDataExchanges"

  /// Reads an exchange from a server, by its uid, code or name.
  ///
  /// - Parameter option: the option with the name, for messages.
  /// - Throws: `ServerError`; `CommandFailure`, 64 if no exchange has this name, or several have.
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

  /// Reads the document of an exchange.
  package init(_ document: JSONValue) {
    uid = document["id"]?.string ?? ""
    name = document["name"]?.string ?? uid
    requests = (document["source"]?["requests"]?.array ?? []).map(Self.request)
    let target = document["target"]
    isInternal = target?["type"]?.string != "EXTERNAL"
    targetURL = target?["api"]?["url"]?.string
    targetUsername = target?["api"]?["username"]?.string
    let asked = target?["request"]
    let general = Self.scheme(asked?["idScheme"]) ?? Self.uid
    let schemes = [
      ("dataElementIdScheme", "--data-element-id-scheme"), ("orgUnitIdScheme", "--org-unit-id-scheme"),
    ]
    var options = general == Self.uid ? [] : ["--id-scheme", general]
    if general != Self.uid {
      // d2-pull writes the combos of sums with uids.
      options += ["--category-option-combo-id-scheme", Self.uid, "--attribute-option-combo-id-scheme", Self.uid]
    }
    for (key, option) in schemes {
      guard let scheme = Self.scheme(asked?[key]), scheme != general else { continue }
      options += [option, scheme]
    }
    if let strategy = asked?["importStrategy"]?.string, strategy != "CREATE_AND_UPDATE" {
      options += ["--import-strategy", strategy]
    }
    if asked?["dryRun"]?.bool == true { options.append("--dry-run") }
    pushOptions = options
  }

  private static func request(_ document: JSONValue) -> Request {
    func texts(_ value: JSONValue?) -> [String] { (value?.array ?? []).compactMap(\.scalarText) }
    // The more special one wins, even if it is the usual one.
    let general = scheme(document["outputIdScheme"]) ?? uid
    let item = scheme(document["outputDataItemIdScheme"]) ?? general
    return Request(
      name: document["name"]?.string ?? "", items: texts(document["dx"]), periods: texts(document["pe"]),
      orgUnits: texts(document["ou"]),
      filters: (document["filters"]?.array ?? []).map { ($0["dimension"]?.string ?? "", texts($0["items"])) },
      aggregationType: document["aggregationType"]?.string.flatMap { $0 == "DEFAULT" ? nil : $0 },
      inputScheme: scheme(document["inputIdScheme"]),
      elementScheme: scheme(document["outputDataElementIdScheme"]) ?? item, itemScheme: item,
      unitScheme: scheme(document["outputOrgUnitIdScheme"]) ?? general)
  }

  private static let uid = "UID"

  /// A scheme that the document names; `nil` if it names none.
  private static func scheme(_ value: JSONValue?) -> String? {
    guard let text = value?.string, !text.isEmpty else { return nil }
    return IDScheme(text) == .uid ? uid : text
  }
}
