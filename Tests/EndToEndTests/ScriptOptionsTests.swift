import TestSupport
import Testing
import WaitingTests

/// How the scripts that chain the commands read their command lines: scripts/lib/options.sh, by
/// scripts/lib/options.tsv.
@Suite("options of the scripts", .waiting)
struct ScriptOptionsTests {
  /// Parses a command line like a script, and prints the variables; only the status if it is refused.
  private static func read(_ script: String, _ line: String, _ variables: String) -> Shell.Outcome {
    Shell().run(
      """
      source '\(World.package)/scripts/lib/options.sh'; set -u
      usage() { echo usage; }
      ( \(variables.split(separator: " ").map { "\($0)=''" }.joined(separator: "; ")); plan=() run=() list=()
        parse_options \(script) \(line)
        for name in \(variables); do [[ ! ${!name} ]] || printf '%s=%s ' "$name" "${!name}"; done
        printf '%s ' "${plan[@]}" "${run[@]}" "${list[@]}" | sed 's/  */ /g; s/^ //; s/ $//' ); echo " $?"
      """)
  }

  @Test(
    "of the Python tool: several behind one dash, values attached or not, abbreviations, a word behind -i",
    arguments: [
      ("-d -y 2022", "direct=--direct_sync year=2022  0"), ("-dy2022", "direct=--direct_sync year=2022  0"),
      ("--year=2022 --days 7", "year=2022 days=7  0"), ("--dir", "direct=--direct_sync  0"),
      ("-i x -d", "direct=--direct_sync incremental=--incremental  0"),
      ("-di 5 -c", "direct=--direct_sync incremental=--incremental today=--current_date  0"),
      ("-ix", "incremental=--incremental  0"), ("-i", "incremental=--incremental  0"),
      ("-idc", "direct=--direct_sync incremental=--incremental today=--current_date  0"), ("--year=", " 0"),
      ("-h", "usage\n 0"), ("--help", "usage\n 0"), ("-y 2022 --help", "usage\n 0"),
      ("-idaily", "incremental=--incremental  0"), ("-y 2022 --", "year=2022  0"),
      ("-ih", " 64"), ("-iy2022", " 64"), ("--nonsense", " 64"), ("-y 2022 extra", " 64"), ("-y", " 64"),
      ("--d", " 64"),
      ("--direct_sync=3", " 64"), ("-- x", " 64"), ("-x", " 64"),
    ])
  func integrator(line: String, expected: String) {
    let outcome = Self.read("integrator", line, "direct year days incremental today")
    #expect(outcome.output == expected + "\n", "\(line): \(outcome.errors)")
    #expect(expected != " 64" || outcome.errors.hasPrefix("integrator: "), "\(line)")
  }

  @Test(
    "a pair comes first; what a script does not know is handed to the command that it calls, as it stands",
    arguments: [
      ("hmis", "pair=hmis  0"), ("hmis -j4 --store=x", "pair=hmis jobs=4 store=x  0"),
      ("hmis -y 2024 -q 1 --again -j 3", "pair=hmis jobs=3 -y 2024 -q 1 --again 0"),
      ("hmis --accept-rejects --overlap=1h --job 3", "pair=hmis --overlap=1h --job 3 --accept-rejects 0"),
      ("hmis -iy 2024 --dry-run", "pair=hmis dry=--dry-run -iy 2024 0"),
      ("-h", "usage\n 0"), ("", " 64"), ("--jobs 3", " 64"), ("hmis --jobs", " 64"), ("hmis --jobs 0", " 64"),
      ("hmis --jobs x", " 64"),
    ])
  func sync(line: String, expected: String) {
    let outcome = Self.read("sync", line, "pair jobs dry store")
    #expect(outcome.output == expected + "\n", "\(line): \(outcome.errors)")
  }

  @Test(
    "what goes to d2-slices list keeps its name; what is unknown is refused",
    arguments: [
      ("hmis --id 1,2 --plan=x --all", "pair=hmis all=--all --id 1,2 --plan x 0"), ("hmis --state failed", " 64"),
      ("hmis more", " 64"),
    ])
  func reconcile(line: String, expected: String) {
    let outcome = Self.read("reconcile", line, "pair all")
    #expect(outcome.output == expected + "\n", "\(line): \(outcome.errors)")
  }
}
