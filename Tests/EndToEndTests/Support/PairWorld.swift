import D2Common
import TestSupport

@testable import StandInServer

/// Two servers, a store, and between them the pair `hmis`.
final class PairWorld {
  let two: TwoServers
  let store: TestStore

  /// - Parameter pair: whether the pair is added; its credentials are the superuser's, the source's by reference.
  init(
    _ kind: StoreKind, _ from: StandInServer.ServerVersion = .v42, _ to: StandInServer.ServerVersion = .v42,
    values: Int = 0, pair: Bool = true, environment: [String: String] = [:],
    change: (inout StandInOptions) -> Void = { _ in }
  ) throws {
    store = try TestStore(kind)
    two = try TwoServers(
      from, to, values: values,
      environment: ["D2_STORE": store.location, "SOURCE_PASSWORD": "district", "KIND": kind.rawValue]
        .merging(environment) { $1 },
      change: change)
    guard pair else { return }
    let outcome = run(Self.add + " > /dev/null")
    guard outcome.status == 0 else { fatalError("no pair: \(outcome.errors)") }
  }

  /// Adds the pair.
  static let add = """
    D2_DESTINATION_PASSWORD=district d2-pairs add hmis --quiet --source-url $SRC --source-username admin \
    --source-password env:SOURCE_PASSWORD --destination-url $DST --destination-username admin
    """

  @discardableResult
  func run(_ script: String, _ more: [String: String] = [:]) -> Shell.Outcome { two.shell.run(script, more) }

  /// What the store holds, with everything that a write would change.
  func content() throws -> [String] {
    let hidden = store.kind == .postgresql ? ", xmin, ctid" : ""
    return try ["integration_pair", "sync_datasets", "orgunits"].flatMap { table in
      let columns =
        switch table {
        case "integration_pair": "id, name, source_config, destination_config, is_active, updated"
        case "sync_datasets":
          "id, integration_pair_id, dataset_id, dataset_name, dataset_code, reporting_frequency, open_future_periods, include_deleted, is_active, synced_through, removed, updated"
        default:
          "id, integration_pair_id, dhis2_id, dhis2_name, dhis2_code, dhis2_path, dhis2_parent, dhis2_level, priority, is_active, removed, updated"
        }
      return try store.rows("SELECT '\(table)', \(columns)\(hidden) FROM \(table) ORDER BY id")
    }
  }

  func change(source change: String) throws { try two.source.change(metadata: change) }
  func change(destination change: String) throws { try two.destination.change(metadata: change) }

  /// The metadata that both begin with.
  var metadata: Metadata { Country.metadata(units: TwoServers.units, seed: 1) }
}
