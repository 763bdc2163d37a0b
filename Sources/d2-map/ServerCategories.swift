import D2Client
import D2Common

/// A server's categories, their options, and the combos of these.
struct ServerCategories {
  struct Option: Named, Sendable {
    let uid: String
    let name: String
    let code: String?
    var distinction: String { code.map { "code \($0)" } ?? "without a code" }
  }

  struct Category: Named, Sendable {
    let option: Option
    let options: [String]
    var uid: String { option.uid }
    var name: String { option.name }
    var code: String? { option.code }
    var distinction: String { "\(options.count) options" }
  }

  struct Combo: Sendable {
    let uid: String
    let name: String
    let isOfAttributes: Bool
    let categoryCombo: String?
    let categoryComboName: String
    let categories: [String]
    let options: Set<String>
  }

  let server: ServerURL
  let options: [String: Option]
  let categories: [Category]
  let combos: [Combo]
  private let optionsOfCategory: [String: Set<String>]
  /// The option of the default combo.
  var defaultOption: String? { options.values.first { $0.name == "default" }?.uid }

  /// - Throws: `ServerError`.
  init(_ client: DHIS2Client) throws {
    server = client.server
    func all(_ plural: String, _ fields: String) throws -> [JSONValue] {
      try MetadataPages(plural, fields: "id,name,code" + fields, client).all()
    }
    func option(_ object: JSONValue) -> Option? {
      object["id"]?.string.map {
        Option(uid: $0, name: object["name"]?.string ?? $0, code: object["code"]?.string)
      }
    }
    options = Dictionary(try all("categoryOptions", "").compactMap(option).map { ($0.uid, $0) }) { first, _ in first }
    categories = try all("categories", ",categoryOptions[id]").compactMap { object in
      option(object).map { Category(option: $0, options: object.uids("categoryOptions")) }
    }
    optionsOfCategory = Dictionary(categories.map { ($0.uid, Set($0.options)) }) { first, _ in first }
    let nested = ",categoryOptions[id],categoryCombo[id,name,dataDimensionType,categories[id]]"
    combos = try all("categoryOptionCombos", nested).compactMap { object in
      guard let uid = object["id"]?.string else { return nil }
      let combo = object["categoryCombo"]
      return Combo(
        uid: uid, name: object["name"]?.string ?? uid,
        isOfAttributes: combo?["dataDimensionType"]?.string == "ATTRIBUTE", categoryCombo: combo?["id"]?.string,
        categoryComboName: combo?["name"]?.string ?? "", categories: combo?.uids("categories") ?? [],
        options: Set(object.uids("categoryOptions")))
    }
  }

  /// All options of the categories of a combo, by category.
  func optionsByCategory(of combo: Combo) -> [String: Set<String>] {
    Dictionary(combo.categories.map { ($0, optionsOfCategory[$0] ?? []) }) { first, _ in first }
  }
}
