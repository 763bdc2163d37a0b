import D2Common
import TestSupport

@testable import StandInServer

/// A pair whose metadata are in the store, the scripts beside the work folder, and what tests of runs type again and again.
final class SliceWorld {
  let pair: PairWorld
  var two: TwoServers { pair.two }
  var store: TestStore { pair.store }

  /// - Parameter level: which organisation units are in the store; each of them is a slice of its own. `nil`: all, as one slice.
  init(
    _ kind: StoreKind, _ from: StandInServer.ServerVersion = .v42, _ to: StandInServer.ServerVersion = .v42,
    values: Int = 1200, level: String? = "Zone", environment: [String: String] = [:],
    change: (inout StandInOptions) -> Void = { _ in }
  ) throws {
    pair = try PairWorld(kind, from, to, values: values, environment: environment, change: change)
    Self.prepare(pair.two.shell)
    let ready = run(
      """
      d2-orgunits sync --pair hmis \(level.map { "--level " + $0 } ?? "") > /dev/null; d2-datasets sync --pair hmis > /dev/null
      d2-datasets set --pair hmis --include-deleted on all > /dev/null
      """)
    guard ready.status == 0 else { fatalError("no metadata: \(ready.errors)") }
  }

  /// Puts the scripts and `lib.sh` into a shell's folder: there they find the binaries under test, and no others.
  static func prepare(_ shell: Shell) {
    shell.write("lib.sh", library)
    _ = shell.run("mkdir -p tmp; cp -r '\(package)/scripts' scripts")
  }

  /// The top of the package.
  static let package: String = {
    let path = #filePath
    return String(path[..<path.firstRange(of: "/Tests/EndToEndTests/")!.lowerBound])
  }()

  private static let library = #"""
    export TMPDIR=$PWD/tmp XDG_STATE_HOME=$PWD/state
    unset XDG_RUNTIME_DIR
    # Waits until a condition holds, for a minute at most.
    await() { local n; for ((n = 0; n < 1200; n++)); do eval "$1" && return 0; sleep 0.05; done; echo "in vain: $1" >&2; return 1; }
    # The processes that work on slices of this test.
    children() { grep -lz "^D2_SUMMARY_DIR=$PWD/tmp/" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
    # How many slices are in each state: waiting=3 done=1
    states() { d2-slices list --pair hmis | jq -r .state | sort | uniq -c | awk '{printf "%s%s=%s", (NR > 1 ? " " : ""), $2, $1} END {print ""}'; }
    count() { d2-slices list --pair hmis --state "$1" | wc -l; }
    fault() { curl -sf -o /dev/null "$1/control/faults" -d "[$2]"; }
    heal() { curl -sf -o /dev/null -X DELETE "$1/control/faults"; }
    # A pipeline that fails at once instead of trying for minutes.
    MOVE='d2-pull --slice "$D2_SLICE" --spool --retries 0 | d2-push --slice "$D2_SLICE" --rejects "$D2_REJECTS" --retries 0 >/dev/null'

    """#

  @discardableResult
  func run(_ script: String, _ more: [String: String] = [:]) -> Shell.Outcome {
    pair.run("source lib.sh\n" + script, more)
  }

  /// What a server holds of some data sets, in a form that can be compared.
  func content(_ server: StandIn, of sets: [Int]? = nil, where wanted: (JSONValue) -> Bool = { _ in true }) -> [String]
  {
    let all = pair.metadata.dataSets
    let elements = Set((sets ?? Array(all.indices)).flatMap { pair.metadata.elements(of: all[$0].uid) })
    return TwoServers.content(server).filter { line in
      guard let value = try? JSONValue(parsing: line), let element = value["dataElement"]?.string else { return true }
      return elements.contains(element) && wanted(value)
    }
  }

  /// Whether both hold the same of some data sets; a few differences where not.
  func differences(of sets: [Int]? = nil, where wanted: (JSONValue) -> Bool = { _ in true }) -> [String] {
    let (a, b) = (content(two.source, of: sets, where: wanted), content(two.destination, of: sets, where: wanted))
    let (left, right) = (Set(a), Set(b))
    guard !a.isEmpty else { return ["the source holds nothing"] }
    return Array(
      (a.filter { !right.contains($0) }.map { "- " + $0 } + b.filter { !left.contains($0) }.map { "+ " + $0 }).prefix(4)
    )
  }
}
