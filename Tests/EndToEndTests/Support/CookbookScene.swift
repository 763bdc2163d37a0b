import D2Common
import Glibc
import TestSupport

@testable import StandInServer
import D2Store

/// The scene of a recipe: two servers with the same metadata, the source with values of 2024; a queue; and the files
/// under /etc/d2. It also has replacements for commands that a test cannot run for real.
///
/// The recipe's text is used verbatim, except for `replacements`.
final class CookbookScene {
  private let world: World
  private let environment: [String: String]
  /// The common store, if the recipe has several computers.
  private let shared: TestStore?
  /// The text of the page, and its replacement in the test.
  private let replacements: [(page: String, here: String)]

  struct Outcome {
    let statuses: [String]
    /// Everything that the commands printed, with the page's names of hosts and ids.
    let printed: [String]
  }

  init(_ version: StandInServer.ServerVersion, for recipe: Cookbook.Recipe) throws {
    func speaks(of words: String) -> Bool { recipe.commands.contains { $0.contains(words) } }
    world = try World(
      .v42, version, values: 6000, queue: .go,
      change: {
        $0.generatedUnits = 120
        $0.years = 2024...2024
        $0.superuserTokens = ["d2pat_destination"]
      }, changeSource: { $0.superuserTokens = ["d2pat_source"] },
      // As on a real server; no recipe waits for it.
      changeQueue: { $0.retryAfterSeconds = 300 })
    let (source, destination, queue) = (world.source, world.destination, world.queue)
    let ids = Self.ids(world.metadata)
    shared = speaks(of: "postgresql:") ? try TestStore(StoreKind.hasPostgreSQL ? .postgresql : .sqlite) : nil
    let folder = world.shell.folder
    let path = folder + "/bin:" + world.shell.run("echo $PATH").lines[0]
    environment = ids.merging([
      "SCENE": folder, "HOME": folder + "/home", "PATH": path, "SRC": source.url, "DST": destination.url,
      "SHARED": shared?.location ?? "",
    ]) { $1 }
    let proxyPort =
      speaks(of: "1080")
      ? world.shell.run(#"python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'"#)
        .lines[
          0]
      : ""
    replacements =
      [
        ("https://hmis.example", source.url), ("https://repository.example", destination.url),
        ("http://queue.example:9090/api/queue", queue.url), ("/etc/d2/", folder + "/etc/d2/"),
        ("postgresql://d2@db.example/d2", shared?.location ?? ""), ("PATH=/usr/local/bin:", "PATH=\(path):"),
        // The stand-ins do not support TLS.
        ("https://hmis.internal", "http://hmis.internal"), ("HTTPS_PROXY", "HTTP_PROXY"), ("1080", proxyPort),
        ("sleep 10", "sleep 0.2"),
      ] + ids.map { ($0.key, $0.value) }
    try furnish(world.metadata)
  }

  var shell: Shell { world.shell }

  // MARK: Cooking

  /// Runs a recipe's blocks in one shell, like its reader.
  /// - Parameters:
  ///   - beside: a script that runs in that shell first.
  ///   - instead: replacements for some commands, for example one that does not end.
  func cook(
    _ recipe: Cookbook.Recipe, beside: String = "", instead: [(page: String, here: String)] = []
  ) -> Outcome {
    for table in recipe.texts("crontab") { shell.write("crontab", here(table)) }
    var script = beside
    for (number, commands) in recipe.commands.enumerated() {
      let commands = instead.reduce(commands) { $0.replacing($1.page, with: $1.here) }
      script += "\n{\n\(here(commands))} > .out-\(number) 2> .err-\(number)\necho $?\n"
    }
    let statuses = run(script).lines
    let printed = recipe.commands.indices.flatMap { number in
      (shell.file(".out-\(number)") + shell.file(".err-\(number)")).split(separator: "\n").map { asOnPage(String($0)) }
    }
    return Outcome(statuses: statuses, printed: printed)
  }

  /// Runs a script with the words of `library`.
  func run(_ script: String) -> Shell.Outcome { shell.run("source lib.sh\n" + script, environment) }

  private func here(_ text: String) -> String { replacements.reduce(text) { $0.replacing($1.page, with: $1.here) } }

  private func asOnPage(_ text: String) -> String {
    replacements.reduce(text) {
      $1.here.contains("/") || $1.here.count == 11 ? $0.replacing($1.here, with: $1.page) : $0
    }
  }

  // MARK: Setting the scene

  /// The ids of the page, which are from DHIS2's demonstration server or invented, with the ids of the test.
  private static func ids(_ country: Metadata) -> [String: String] {
    func set(_ code: String) -> StandInServer.DataSet { country.dataSets.first { $0.code == code }! }
    func element(_ name: String) -> String { country.dataElements.first { $0.name == name }!.uid }
    let merged = set("WEEK").units.prefix(2).map { country.organisationUnits[$0].uid }
    let partners = country.categoryCombos.first { $0.name == "Partner" }!.optionCombos
    return [
      "BfMAe6Itzgt": set("MONTH").uid, "ImspTQPwCqd": country.organisationUnits[0].uid,
      "fbfJHSPpUQD": element("Visits 1"), "cYeuwXTCPkU": element("Visits 2"), "DiszpKrYNg8": merged[0],
      "g8upMTyEZGZ": merged[1], "O6uvpzGd5pu": country.organisationUnits.last!.uid,
      "Q4f7z7Qyr2a": country.categoryOptionCombos[partners[0]].uid, "Uvn6LCg7dVU": country.indicators[0].uid,
      "s46m5MS0hxu": element("Litres used 1"),
    ]
  }

  private func furnish(_ country: Metadata) throws {
    let districts = country.organisationUnits.filter { $0.level == 3 }
    let names =
      #"{"organisationUnits":[{"id":"\#(districts[0].uid)","name":"Bo"},{"id":"\#(districts[1].uid)","name":"Kenema"}]}"#
    try world.change(source: names)
    try world.change(destination: names)

    func list(_ ids: [String]) -> String { "[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]" }
    func units(_ condition: (OrganisationUnit) -> Bool) -> String {
      list(country.organisationUnits.filter(condition).map(\.uid))
    }
    let urban = list(
      country.organisationUnitGroups.first { $0.name == "Urban" }!.members.map { country.organisationUnits[$0].uid })
    var definitions = """
      def bo: .orgUnit | IN(\(units { $0.path.contains(districts[0].uid) })[]);
      def kenema: .orgUnit | IN(\(units { $0.path.contains(districts[1].uid) })[]);
      def codeless: .orgUnit | IN(\(units { $0.code == nil })[]);
      def urban: .orgUnit | IN(\(urban)[]);
      def litres: .dataElement | IN(\(list(country.dataElements.filter { $0.name.hasPrefix("Litres") }.map(\.uid)))[]);
      def january: .period == "202401";
      def months: .period | IN("202401", "202402", "202403");
      def quarter: .period | IN("202401", "202402", "202403", "2024Q1", "2024") or test("^20240[123]..$")
        or (test("^2024W") and (.[5:] | tonumber) <= 13);

      """
    for set in country.dataSets {
      let elements = list(set.elements.map { country.dataElements[$0].uid })
      definitions += "def \((set.code ?? "").lowercased()): .dataElement | IN(\(elements)[]);\n"
    }
    shell.write("scene.jq", definitions)
    shell.write("lib.sh", Self.library)
    for (name, text) in CookbookTools.all { shell.write(name, text) }
    let made = shell.run(
      """
      mkdir -p home bin etc/d2; cp -r '\(World.package)/scripts' scripts
      for script in sync backlog continuous reconcile; do ln -s "$PWD/scripts/$script" bin/d2-$script; done
      chmod +x \(CookbookTools.all.keys.joined(separator: " ")); mv \(CookbookTools.all.keys.joined(separator: " ")) bin
      umask 077; echo d2pat_source > etc/d2/hmis.pat; echo d2pat_destination > etc/d2/repository.pat; echo secret > etc/d2/queue.password
      """)
    guard made.status == 0 else { fatalError("no scene: \(made.errors)") }
  }

  private static let library = #"""
    # The recipes bring their own credentials.
    unset D2_USERNAME D2_PASSWORD D2_DISPATCHER_USERNAME D2_DISPATCHER_PASSWORD
    # What a server holds that is not deleted, after a filter: a line for each value.
    at() { curl -sSf "$1/control/values" | jq -L "$SCENE" -c 'include "scene"; select(.deleted | not) | '"${2:-.}"' | [.dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value]' | LC_ALL=C sort; }
    # Such lines as values.
    values() { jq -c '{dataElement: .[0], period: .[1], orgUnit: .[2], categoryOptionCombo: .[3], attributeOptionCombo: .[4], value: .[5]}'; }
    # Says "arrived" where the destination holds what the source's values are after a filter, at least one, and nothing
    # else.
    arrived() { at "$SRC" "$1" > should; at "$DST" "${2:-.}" > does; if [ -s should ] && cmp -s should does; then echo arrived; else diff should does | head -n 5; wc -l should does; fi; }
    # Makes the destination hold what the source has, after a filter.
    fill() { at "$SRC" "$1" | values | store "$DST"; }
    # What a server holds of an element, for each period and combo the sum of all units.
    sums() { at "$1" 'select(.dataElement == env.'"$2"' and months)' | jq -s -c 'group_by([.[1], .[3]])[] | [.[0][1], .[0][3], (map(.[5] | tonumber) | add)]'; }
    # Runs the server's analytics job.
    analyse() { curl -sSf -o /dev/null -X POST "$1/control/analytics"; }
    # Stores values as they are, past every rule.
    store() { curl -sSf -o /dev/null --data-binary @- "$1/control/values"; }
    change() { curl -sSf -o /dev/null --data-binary "$2" "$1/control/metadata"; }
    fault() { curl -sSf -o /dev/null "$1/control/faults" -d "[$2]"; }
    ask() { curl -sSf -u admin:district "$@"; }

    """#
}
