import D2Common
import TestSupport

@testable import StandInServer

/// A world with a store.
extension World {
  /// A store with the pair `hmis` between the servers.
  ///
  /// - Parameter pair: whether to add the pair. It has the superuser's credentials, for the source by reference.
  convenience init(
    pairIn kind: StoreKind, _ from: Version = .v42, _ to: Version = .v42, values: Int = 0, sourceUnits: Int? = nil,
    pair: Bool = true, environment: [String: String] = [:], change: (inout StandInOptions) -> Void = { _ in }
  ) throws {
    try self.init(
      from, to, values: values, sourceUnits: sourceUnits, store: TestStore(kind), environment: environment,
      change: change)
    guard pair else { return }
    let added = run(Self.addPair + " > /dev/null")
    guard added.status == 0 else { fatalError("no pair: \(added.errors)") }
  }

  /// The same with the pair's metadata, the scripts beside the work folder, and common commands for tests of runs.
  ///
  /// - Parameter level: the level of the store's organisation units, each of which is a slice of its own. `nil`: all
  ///   units, as one slice.
  convenience init(
    slicesIn kind: StoreKind, _ from: Version = .v42, _ to: Version = .v42, values: Int = 1200, level: String? = "Zone",
    environment: [String: String] = [:], change: (inout StandInOptions) -> Void = { _ in }
  ) throws {
    try self.init(pairIn: kind, from, to, values: values, environment: environment, change: change)
    prepareScripts()
    let ready = run(
      """
      d2-orgunits sync --pair hmis \(level.map { "--level " + $0 } ?? "") > /dev/null; d2-datasets sync --pair hmis > /dev/null
      d2-datasets set --pair hmis --include-deleted on all > /dev/null
      """)
    guard ready.status == 0 else { fatalError("no metadata: \(ready.errors)") }
  }

  var store: TestStore {
    guard let givenStore else { fatalError("this world has no store") }
    return givenStore
  }

  static func environment(of store: TestStore) -> [String: String] {
    ["D2_STORE": store.location, "SOURCE_PASSWORD": "district", "KIND": store.kind.rawValue]
  }

  /// Adds the pair.
  static let addPair = """
    D2_DESTINATION_PASSWORD=district d2-pairs add hmis --quiet --source-url $SRC --source-username admin \
    --source-password env:SOURCE_PASSWORD --destination-url $DST --destination-username admin
    """

  /// The store's content about the pair, with everything that a write would change.
  func storeContent() throws -> [String] {
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

  // MARK: Scripts

  /// The package's top folder.
  static let package: String = {
    let path = #filePath
    return String(path[..<path.firstRange(of: "/Tests/EndToEndTests/")!.lowerBound])
  }()

  /// Copies the scripts and `lib.sh` to the shell's folder. There they find only the tested binaries.
  func prepareScripts() {
    Self.prepareScripts(shell)
    hasLibrary = true
  }

  static func prepareScripts(_ shell: Shell) {
    shell.write("lib.sh", library)
    _ = shell.run("mkdir -p tmp; cp -r '\(package)/scripts' scripts")
  }

  private static let library = #"""
    export TMPDIR=$PWD/tmp XDG_STATE_HOME=$PWD/state
    unset XDG_RUNTIME_DIR
    # The processes that work on slices of this test.
    children() { grep -lz "^D2_SUMMARY_DIR=$PWD/tmp/" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
    # How many slices are in each state: waiting=3 done=1
    states() {
      d2-slices list --pair hmis --format tsv | awk -F '\t' 'NR > 1 { print $2 }' | sort | uniq -c |
        awk '{ printf "%s%s=%s", (NR > 1 ? " " : ""), $2, $1 } END { print "" }'
    }
    count() { d2-slices list --pair hmis --state "$1" | wc -l; }
    fault() { curl -sf -o /dev/null "$1/control/faults" -d "[$2]"; }
    # Lets so many seconds go by without waiting for them: the source's clock is set on, and what the store noted by its
    # own clock is that much older.
    pass() {
      curl -sf -o /dev/null "$SRC/control/clock" -d "{\"advanceSeconds\":$1}"
      before() { if [ "$KIND" = sqlite ]; then echo "datetime($2, '-$1 seconds')"; else echo "$2 - interval '$1 seconds'"; fi; }
      sql "
        UPDATE orgunits SET created = $(before "$1" created), removed = $(before "$1" removed),
          active_since = active_since - ${1}000;
        UPDATE sync_datasets SET covered_at = covered_at - ${1}000,
          registrations_covered_at = registrations_covered_at - ${1}000;
        UPDATE sync_windows SET planned = planned - ${1}000;
        UPDATE slices SET started = started - ${1}000, finished = finished - ${1}000;"
    }
    heal() { curl -sf -o /dev/null -X DELETE "$1/control/faults"; }
    # A pipeline that fails at once instead of trying for minutes.
    MOVE='d2-pull --slice "$D2_SLICE" --spool --retries 0 | d2-push --slice "$D2_SLICE" --rejects "$D2_REJECTS" --retries 0 >/dev/null'

    """#
}
