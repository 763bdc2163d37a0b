import D2Common
import TestSupport

@testable import StandInServer

/// Two servers, and a store whose only active pair is of these.
extension World {
  /// Whether the store is a database of the Python tool, for tests of both kinds.
  static let integratorStores = StoreKind.hasPostgreSQL ? [true, false] : [false]
  /// The same for tests in which the store does not matter.
  static let oneIntegratorStore = [StoreKind.hasPostgreSQL]

  /// - Parameter python: whether the store is a database of the Python tool. Otherwise d2-pairs adds the pair.
  convenience init(
    python: Bool, _ from: Version = .v42, _ to: Version = .v42, values: Int = 1500,
    years: ClosedRange<Int> = 2022...2022, tokens: [String] = [], queue: DispatcherOptions.Flavour? = nil,
    environment: [String: String] = [:]
  ) throws {
    try self.init(
      from, to, values: values, store: python ? PythonStore.make() : TestStore(.sqlite), queue: queue,
      environment: ["D2_RETRY_AFTER": "0.1s", "D2_JOBS": "3"].merging(environment) { $1 }
    ) {
      $0.years = years
      $0.superuserTokens = tokens
    }
    prepareScripts()
    guard python else {
      let added = run("\(Self.addPair) --source-name national --destination-name repo > /dev/null")
      guard added.status == 0 else { fatalError("no pair: \(added.errors)") }
      return
    }
    try store.connect().executeScript(pythonRows)
  }

  /// Rows as the Python tool left them: booleans as strings, duplicate rows, inactive pairs, empty columns.
  private var pythonRows: String {
    let source =
      "\"use_pat\": \"false\", \"username\": \"admin\", \"password\": \"district\", \"api_url\": \"\(source.url)/api\", \"pat\": \"\""
    let destination =
      "\"use_pat\": false, \"username\": \"admin\", \"password\": \"district\", \"api_url\": \"\(destination.url)/api/\""
    return """

      INSERT INTO integration_pair (source, destination, source_config, destination_config, is_active) VALUES
        ('national', 'repo', '{\(source), "ous_synced": "false"}', '{\(destination)}', true),
        ('national', 'repo', '{\(source), "ous_synced": "false"}', DEFAULT, false),
        ('odd', 'repo', '{"api_url": "https://odd.example/api"}', '[]', false), ('', 'repo', DEFAULT, DEFAULT, DEFAULT);
      INSERT INTO sync_datasets (integration_pair_id, dataset_id, dataset_name, reporting_frequency, include_deleted, is_active) VALUES
        (1, '\(dataSets[0])', 'it''s "Monthly" 🏥', 'Monthly', true, true), (2, '\(dataSets[0])', '', 'Daily', NULL, NULL),
        (1, '', '', 'Monthly', true, true), (1, '', '', 'Yearly', NULL, NULL);
      INSERT INTO orgunits (integration_pair_id, dhis2_id, dhis2_name, dhis2_level, priority) VALUES
        (1, '\(root)', 'Land', 0, NULL), (1, '\(root)', '', 1, 3), (1, DEFAULT, '', 1, NULL);
      """
  }

  /// The address of the queue for scripts/integrator.
  var queueEnvironment: [String: String] { ["D2_DISPATCHER_URL": queue.url] }

  /// A few differences if the destination does not have exactly what the source has of some data sets and periods.
  ///
  /// - Parameter deleted: whether to include deletions.
  func differences(
    of sets: [Int]? = nil, deleted: Bool, where wanted: (JSONValue) -> Bool = { _ in true }
  ) -> [String] {
    let expected = content(source, of: sets) { wanted($0) && (deleted || $0["deleted"] != true) }
    return Self.differences(expected, Self.content(destination))
  }

  /// The same after scripts/integrator. It brings deletions only for the data set whose row in the Python tool's store
  /// asks for them.
  func differences(python: Bool, where wanted: (JSONValue) -> Bool) -> [String] {
    let included = metadata.elements(of: metadata.dataSets[0].uid)
    return differences(deleted: true) {
      wanted($0) && ($0["deleted"] != true || python && included.contains($0["dataElement"]?.string ?? ""))
    }
  }

  /// Whether a value's period overlaps the first quarter of 2022.
  static func isInFirstQuarter(_ value: JSONValue) -> Bool {
    guard let period = value["period"]?.string.flatMap({ Period(id: $0) }) else { return false }
    return period.start <= CalendarDate(year: 2022, month: 3, day: 31)!
      && period.end >= CalendarDate(year: 2022, month: 1, day: 1)!
  }
}
