import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-pairs", .waiting)
struct PairsTests {
  /// A shell with an empty store.
  private static func shell(_ store: TestStore, _ more: [String: String] = [:]) -> Shell {
    Shell(["D2_STORE": store.location].merging(more) { $1 })
  }

  @Test("a pair's life: add, show, list, set, disable, enable, remove", arguments: StoreKind.available)
  func life(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let shell = Self.shell(store)
    let added = shell.run(
      """
      echo t0ken-in-a-file > pat
      D2_DESTINATION_PASSWORD='l1teral "secret" 🏥' d2-pairs add hmis --source-url https://A.example/dhis/api/ --source-pat-file pat \
        --destination-url https://b.example --destination-username mover --destination-name repo
      """)
    #expect(added.status == 0, "\(added.errors)")
    let pair = added.documents.first
    #expect(pair?["pair"] == "hmis" && pair?["active"] == true)
    #expect(pair?["source"] == "a.example/dhis" && pair?["destination"] == "repo")
    let source = pair?["source_config"]
    #expect(source?["api_url"] == "https://a.example/dhis/api" && source?["use_pat"] == true)
    #expect(source?["pat"]?.string == "file:\(shell.folder)/pat", "a path that counts from everywhere")
    let destination = pair?["destination_config"]
    #expect(destination?["password"] == "********" && destination?["username"] == "mover")
    #expect(!(added.output + added.errors).contains("l1teral"))
    #expect(added.errors.contains("password of repo is kept in the store itself"))
    let kept = try JSONValue(parsing: try store.rows("SELECT destination_config FROM integration_pair")[0])
    #expect(kept["password"] == "l1teral \"secret\" 🏥" && kept["use_pat"] == false)

    let outcome = shell.run(
      """
      d2-pairs show hmis | jq -c '[.source_config.pat, .destination_config.password]'
      d2-pairs disable hmis; d2-pairs list --active | wc -l; d2-pairs list --format tsv
      d2-pairs enable hmis; d2-pairs list --active | jq -r .pair
      d2-pairs set hmis --name hmis2 --destination-pat cmd:'echo s3cret' --source-url https://c.example/x > /dev/null
      d2-pairs list | jq -c '[.pair, .source_config.api_url, .destination_config.pat, .destination_config.use_pat]'
      d2-pairs show hmis; echo $?
      d2-pairs list --format table
      d2-pairs remove hmis2 < /dev/null; echo $?; d2-pairs list | wc -l
      d2-pairs remove hmis2 --yes; d2-pairs list | wc -l; d2-pairs remove hmis2 --yes; echo $?
      """)
    #expect(
      outcome.lines == [
        #"["file:\#(shell.folder)/pat","********"]"#, "0", "pair\tactive\tsource\tdestination",
        "hmis\tfalse\ta.example/dhis\trepo", "hmis",
        #"["hmis2","https://c.example/x/api","cmd:echo s3cret",true]"#, "78",
        "PAIR   ACTIVE  SOURCE          DESTINATION",
        "hmis2  true    a.example/dhis  repo", "64", "1", "0", "78",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("did you mean \"hmis2\"?"))
  }

  @Test("a command that never tells its secret ends with the command that asked it")
  func hangingSecret() throws {
    let store = try TestStore(.sqlite)
    let shell = Self.shell(store, [:])
    let outcome = shell.run(
      """
      d2-pairs add hmis --source-url https://a.example --source-pat cmd:'echo $$ > pid; exec sleep 100' \
        --destination-url https://b.example --destination-pat cmd:'echo word' > /dev/null
      # A zombie is not: its new parent may be slow to notice.
      lives() { grep -q "^State:.[^Z]" /proc/$(cat pid)/status 2> /dev/null; }
      for signal in TERM INT KILL; do
        rm -f pid
        (exec d2-pairs test hmis) & command=$!
        until [ -s pid ]; do sleep 0.05; done
        kill -$signal $command; wait $command; echo $?
        await '! lives' || echo "left behind after $signal"
      done
      """)
    #expect(outcome.lines == ["143", "130", "137"], "\(outcome.errors)")
    let told = outcome.errors.split(separator: "\n").filter { $0 == "d2-pairs: source: interrupted by a signal" }
    #expect(told.count == 2, "\(outcome.errors)")
  }

  @Test("a command tells its secret also where whoever started d2 ignores that children end")
  func secretWithoutSIGCHLD() throws {
    let store = try TestStore(.sqlite)
    let outcome = Self.shell(store, [:]).run(
      """
      d2-pairs add near --source-url http://127.0.0.1:1 --source-pat cmd:'echo word' \
        --destination-url http://127.0.0.1:1 --destination-pat cmd:'echo word' > /dev/null
      env --ignore-signal=CHLD d2-pairs test near
      """)
    #expect(outcome.status == 69, "\(outcome.errors)")
    #expect(!outcome.errors.contains("cmd:"), "\(outcome.errors)")
  }

  @Test("secrets: none is taken from the command line, none is asked for without a terminal")
  func secrets() throws {
    let store = try TestStore(.sqlite)
    let shell = Self.shell(store, ["D2_USERNAME": "", "D2_PASSWORD": ""])
    let ends = "--source-url https://a.example --source-pat env:A --destination-url https://b.example"
    for (options, words) in [
      ("--destination-pat l1teral", "takes no secret"),
      ("--destination-username u --destination-password l1teral", "takes no secret"),
      ("--destination-pat prompt", "no terminal"),
      ("--destination-username u --destination-password prompt", "no terminal"),
      ("--destination-username u", "no terminal"), ("--destination-username u --destination-pat env:B", "not both"),
      ("--destination-password env:B", "needs --destination-username"),
      ("--destination-url https://u:l1teral@b.example", "given twice"),
    ] {
      // A session of its own has no terminal.
      let outcome = shell.run("setsid -w d2-pairs add p \(ends) \(options)")
      #expect(outcome.status == 64 && outcome.errors.contains(words), "\(options): \(outcome.errors)")
      #expect(!outcome.errors.contains("l1teral"), "\(outcome.errors)")
    }
    let address = shell.run(
      "d2-pairs add p --source-url https://u:l1teral@a.example --destination-url https://b.example")
    #expect(address.status == 64 && !address.errors.contains("l1teral"), "\(address.errors)")
    #expect(shell.run("ls $D2_STORE").status != 0, "nothing was made")
    // A leftover variable does not conflict with an option.
    let variable = shell.run(
      "D2_DESTINATION_PAT=left0ver d2-pairs add p \(ends) --destination-username u --destination-password env:B")
    #expect(variable.status == 0, "\(variable.errors)")
    #expect(variable.documents.first?["destination_config"]?["use_pat"] == false)
  }

  @Test("a secret that is typed is kept and not shown")
  func typed() throws {
    let store = try TestStore(.sqlite)
    let shell = Self.shell(store)
    shell.write(
      "type.py",
      """
      import os, pty, sys
      child, terminal = pty.fork()
      if child == 0: os.execvp(sys.argv[1], sys.argv[1:])
      seen = b""
      while True:
          try: block = os.read(terminal, 1000)
          except OSError: break
          if not block: break
          seen += block
          if seen.endswith(b"of u at the destination: "): os.write(terminal, b"typ3d\\n")
      sys.stdout.buffer.write(seen)
      sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
      """)
    let outcome = shell.run(
      "python3 type.py d2-pairs add p --source-url https://a.example --source-pat env:A --destination-url https://b.example --destination-username u"
    )
    #expect(outcome.status == 0 && !outcome.output.contains("typ3d"), "\(outcome.output)\(outcome.errors)")
    // On a terminal a table.
    #expect(outcome.output.contains("PAIR  ACTIVE"), "\(outcome.output)")
    #expect(try store.rows("SELECT destination_config FROM integration_pair")[0].contains("\"typ3d\""))
  }

  @Test("a pair is found by name, by its servers, by number; several are told apart", arguments: StoreKind.available)
  func resolution(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let shell = Self.shell(store)
    let ends = "--source-pat env:A --destination-pat env:B --source-url https://a.example"
    let outcome = shell.run(
      """
      d2-pairs add one \(ends) --destination-url https://b.example --source-name s --destination-name d > /dev/null
      d2-pairs add second \(ends) --destination-url https://c.example --source-name s --destination-name e > /dev/null
      d2-pairs add 'drei 🏥' \(ends) --destination-url https://c.example --source-name t --destination-name e > /dev/null
      for name in one 'drei 🏥' t 2; do d2-pairs show "$name" | jq -r .id; done
      d2-pairs show s; echo $?; d2-pairs show secnod; echo $?; d2-pairs show; echo $?; d2-pairs show one second; echo $?
      d2-pairs add one \(ends) --destination-url https://d.example; echo $?
      d2-pairs add four \(ends) --destination-url https://d.example --source-name s --destination-name d; echo $?
      d2-pairs set second --name one; echo $?
      d2-pairs shwo one; echo $?
      """)
    #expect(
      outcome.lines == ["1", "3", "3", "2", "78", "78", "64", "64", "78", "78", "78", "64"],
      "\(outcome.output)\(outcome.errors)")
    for words in [
      "may be any of id:1 (one), id:2 (second)", "did you mean \"second\"?", "is there already (number 1)",
      "are a pair already: \"one\"",
      "another pair is called \"one\"", "did you mean show?",
    ] { #expect(outcome.errors.contains(words), "\(words): \(outcome.errors)") }
  }

  @Test("many add pairs to a store that is not there yet: all are in it", arguments: StoreKind.available)
  func concurrent(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let outcome = Self.shell(store).run(
      """
      for i in 1 2 3 4 5 6 7 8; do
        d2-pairs add p$i --source-url https://a$i.example --source-pat env:A --destination-url https://b.example --destination-pat env:B > /dev/null &
      done
      for job in $(jobs -p); do wait $job || echo "status $?"; done
      d2-pairs list | jq -r .pair | sort | tr '\\n' ' '
      """)
    #expect(outcome.output == "p1 p2 p3 p4 p5 p6 p7 p8 ", "\(outcome.output)\(outcome.errors)")
    #expect(try store.rows("SELECT count(*) FROM d2_schema") == ["1"])
  }

  @Test("no store: 78 and what makes one; one that cannot be written: 73", .serialized, arguments: ["store", "folder"])
  func cannotWrite(what: String) throws {
    let store = try TestStore(.sqlite)
    let shell = Self.shell(store)
    let none = shell.run("d2-pairs list")
    #expect(none.status == 78 && none.errors.contains("d2-pairs add makes it"), "\(none.errors)")
    let add =
      "d2-pairs add p --source-url https://a.example --source-pat env:A --destination-url https://b.example --destination-pat env:B"
    // Root may write everything.
    let user = shell.run("id -u").output == "0\n" ? "setpriv --bounding-set -dac_override,-dac_read_search" : "env"
    let outcome = shell.run(
      """
      mkdir -p own; export D2_STORE=$PWD/own/d2.sqlite
      \(add) > /dev/null; d2-pairs list > /dev/null; rm -f own/d2.sqlite-*
      chmod \(what == "store" ? "444 own/d2.sqlite" : "555 own")
      \(user) "$(command -v d2-pairs)" disable p; echo $?
      D2_STORE=$PWD/own/other.sqlite; [[ \(what) != folder ]] || { \(user) "$(command -v d2-pairs)" \(add.dropFirst(9)); echo $?; }
      chmod 755 own
      """)
    #expect(outcome.lines == (what == "store" ? ["73"] : ["73", "73"]), "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("/own/"))
  }

  // MARK: Of the Python tool

  @Test(
    "a database of the Python tool works as it is: listed, upgraded, used",
    .enabled(if: StoreKind.hasPostgreSQL, Comment(rawValue: StoreKind.skipped)))
  func python() throws {
    let world = try World(values: 500)
    let store = try PythonStore.make()
    let (set, unit) = (world.dataSets[0], world.root)
    try store.connect().executeScript(
      """
      INSERT INTO integration_pair (source, destination, source_config, destination_config, is_active) VALUES
        ('hmis', 'repo', '{"use_pat": "false", "username": "admin", "password": "district", "api_url": "\(world.source.url)/api", "pat": "", "ous_synced": "true"}',
          '{"use_pat": true, "pat": "l1teral", "api_url": "\(world.destination.url)/api", "auth": {"password": "l1teral"}}', true),
        ('odd', 'repo', '{"api_url": "https://u:l1teral@c.example/api", "db_password": "l1teral", "api_token": "l1teral"}', DEFAULT, DEFAULT);
      INSERT INTO sync_datasets (integration_pair_id, dataset_id, dataset_name, reporting_frequency, last_sync)
        VALUES (1, '\(set)', 'Monthly', 'Monthly', '2022-06-01');
      INSERT INTO orgunits (integration_pair_id, dhis2_id, dhis2_name, dhis2_level) VALUES (1, '\(unit)', 'Land', 0);
      """)
    let outcome = world.run(
      """
      d2-pairs list | jq -c '[.id, .pair, .active]'
      d2-pairs list | grep -c l1teral; d2-pairs list --format table; d2-pairs show hmis/repo | jq -c .source_config.password
      d2-datasets list --pair hmis | jq -c '[.id, .periodType, .active, .syncedThrough]'
      d2-orgunits list --pair hmis | jq -c '[.id, .level, .active]'
      d2-pull --pair hmis -y 2022 --quiet | wc -l
      d2-pull --pair hmis --quiet -i | wc -l
      """, ["D2_STORE": store.location, "D2_USERNAME": "nobody"])
    let values = try world.source.values.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    let elements = Set(Country.metadata(units: World.units, seed: 1).elements(of: set))
    let live = values.filter { elements.contains($0["dataElement"]?.string ?? "") && $0["deleted"] != true }.count
    #expect(live > 0)
    #expect(
      outcome.lines == [
        #"[1,"hmis/repo",true]"#, #"[2,"odd/repo",false]"#, "0", "PAIR       ACTIVE  SOURCE  DESTINATION",
        "hmis/repo  true    hmis    repo", "odd/repo   false   odd     repo", #""********""#,
        #"["\#(set)","Monthly",true,null]"#, #"["\#(unit)",null,true]"#, "\(live)", "\(live)",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(!outcome.errors.contains("l1teral"))
  }

  @Test(
    "units and data sets of the source come into the Python tool's own tables, where it wanted a value in each column",
    .enabled(if: StoreKind.hasPostgreSQL, Comment(rawValue: StoreKind.skipped)))
  func pythonSync() throws {
    let world = try World(values: 500)
    let store = try PythonStore.make()
    let config =
      #"{"use_pat": "false", "username": "admin", "password": "district", "api_url": "\#(world.source.url)/api"}"#
    try store.connect().executeScript(
      """
      INSERT INTO integration_pair (source, destination, source_config, destination_config, is_active) VALUES
        ('hmis', 'repo', '\(config)', '\(config.replacing(world.source.url, with: world.destination.url))', true);
      INSERT INTO orgunits (integration_pair_id, dhis2_id, dhis2_name, dhis2_path, dhis2_parent, dhis2_level)
        VALUES (1, '\(world.root)', '', '', '', 1), (1, 'GoneGone001', 'no longer there', '', '', 3);
      -- What somebody added, as they say "districts".
      ALTER TABLE orgunits ADD COLUMN district text NOT NULL DEFAULT 'none', ADD COLUMN remark text;
      UPDATE orgunits SET remark = 'x'; ALTER TABLE orgunits ALTER COLUMN remark SET NOT NULL;
      """)
    let outcome = world.run(
      """
      d2-orgunits sync --pair hmis > units; echo $?; jq -r .change units | sort | uniq -c | tr -s ' '
      d2-datasets sync --pair hmis > sets; echo $?; wc -l < sets; d2-orgunits sync --pair hmis | wc -l
      d2-pull --pair hmis -y 2022 --quiet | d2-push --pair hmis --quiet > /dev/null; echo $?
      """, ["D2_STORE": store.location])
    #expect(
      outcome.lines == ["0", " 59 added", " 1 moved", " 1 removed", " 1 renamed", "0", "6", "0", "0"],
      "\(outcome.output)\(outcome.errors)")
    #expect(try store.rows("SELECT count(*) FROM orgunits WHERE district = 'none' AND is_active") == ["60"])
    #expect(!world.destination.values.isEmpty)
  }

  // MARK: test

  @Test(
    "test signs in at both ends and says what is there",
    arguments: [(StandInServer.ServerVersion.v40, StandInServer.ServerVersion.v43)])
  func test(from: StandInServer.ServerVersion, to: StandInServer.ServerVersion) throws {
    let world = try World(pairIn: .sqlite, from, to)
    let good = world.run("d2-pairs test hmis", ["D2_USERNAME": "nobody", "D2_PASSWORD": "wrong"])
    #expect(good.status == 0, "\(good.errors)")
    #expect(good.documents.map { $0["version"]?.string } == [from.name, to.name])
    for end in good.documents {
      #expect(end["username"] == "admin" && end["calendar"] == "iso8601" && end["problems"] == [])
      #expect(abs(end["clockDifferenceSeconds"]?.int ?? 99) <= 30 && end["roundTripMilliseconds"]?.int != nil)
      #expect(end["authorities"] == ["ALL"])
    }
    #expect(good.errors.contains("destination: the password is kept in the store itself"))
    #expect(!(good.output + good.errors).contains("district"))

    let wrong = world.run("d2-pairs test hmis --retries 0", ["SOURCE_PASSWORD": "wr0ng"])
    #expect(wrong.status == 77 && wrong.documents.count == 1 && wrong.errors.contains("source: "), "\(wrong.errors)")
    #expect(!wrong.errors.contains("wr0ng"))
    let unset = world.run("unset SOURCE_PASSWORD; d2-pairs test hmis")
    #expect(unset.status == 78 && unset.errors.contains("env:SOURCE_PASSWORD"), "\(unset.errors)")

    try world.fail(source: #"{"kind":"login-page","path":"/api","times":0}"#)
    let page = world.run("d2-pairs test hmis --retries 0")
    #expect([76, 77].contains(page.status), "\(page.status) \(page.errors)")
    world.source.clearFaults()

    try world.change(destination: #"{"calendar":"ethiopian"}"#)
    let calendar = world.run("d2-pairs test hmis")
    #expect(calendar.status == 1 && calendar.errors.contains("iso8601, ethiopian"), "\(calendar.errors)")
    try world.change(destination: #"{"calendar":"iso8601"}"#)

    let user = #"{\"id\":\"x\",\"username\":\"clerk\",\"authorities\":[\"F_EDIT_EXPIRED\"],\"organisationUnits\":[]}"#
    try world.fail(
      destination: #"{"kind":"status","status":200,"type":"application/json","body":"\#(user)","path":"/api/me"}"#)
    let lacking = world.run("d2-pairs test hmis")
    #expect(lacking.status == 1, "\(lacking.errors)")
    #expect(lacking.errors.contains("lacks F_DATAVALUE_ADD") && lacking.errors.contains("no organisation unit"))
    #expect(lacking.documents.last?["problems"]?.array?.count == 2)

    world.destination.stop()
    let dead = world.run(
      "d2-pairs set hmis --destination-url http://127.0.0.1:1 > /dev/null; d2-pairs test hmis --retries 0")
    #expect(dead.status == 69 && dead.documents.count == 1 && dead.errors.contains("destination: "), "\(dead.errors)")
  }
}

extension Metadata {
  /// The uids of a data set's elements.
  func elements(of uid: String) -> [String] {
    dataSets.filter { $0.uid == uid }.flatMap(\.elements).map { dataElements[$0].uid }
  }
}
