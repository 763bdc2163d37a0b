import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-diff", .waiting)
struct DiffTests {
  private static let source = #"""
    {"dataElement":"a","period":"202401","orgUnit":"u1","categoryOptionCombo":"HllvX50cXC0","value":"1"}
    {"dataElement":"a","period":"202402","orgUnit":"u1","value":"2"}

    {"dataElement":"a","period":"202403","orgUnit":"u1",  "value":"3","comment":"x \u00e9"}
    {"dataElement":"b","period":"202403","orgUnit":"u1","value":"9","deleted":true}
    {"dataElement":"c","period":"202403","orgUnit":"u\u0031","value":"caf\u00e9"}

    """#
  private static let destination = #"""
    {"dataElement":"a","period":"202401","orgUnit":"u1","value":1,"attributeOptionCombo":"default"}
    {"dataElement":"b","period":"202403","orgUnit":"u1","value":"9"}
    {"dataElement":"z","period":"202403","orgUnit":"u1","value":"9","deleted":false}
    {"dataElement":"c","period":"202403","orgUnit":"u1","value":"café"}
    {"dataElement":"a","period":"202402","orgUnit":"u1","value":"2.0"}

    """#
  private static let different = #"{"dataElement":"a","period":"202402","orgUnit":"u1","value":"2"}"#
  private static let missing =
    #"{"dataElement":"a","period":"202403","orgUnit":"u1",  "value":"3","comment":"x \u00e9"}"#
  private static let deleted = #"{"dataElement":"b","period":"202403","orgUnit":"u1","value":"9","deleted":true}"#

  private func shell() -> Shell {
    let shell = Shell()
    shell.write("source", Self.source)
    shell.write("destination", Self.destination)
    return shell
  }

  @Test(
    "writes the source's lines of what is missing or different, from files, pipes and standard input",
    arguments: [
      "source destination", "<(cat source) destination", "<(cat source) <(cat destination)", "- destination < source",
      "<(sed 's/$/\\r/' source | tr -d '\\r') - < <(cat destination)",
    ])
  func streams(operands: String) {
    let shell = shell()
    let found = shell.run("d2-diff \(operands)")
    #expect(found.status == 1 && found.lines == [Self.different, Self.missing], "\(found.output)\(found.errors)")
    #expect(
      found.errors.hasPrefix(
        "d2-diff: source 4 values, destination 5: 2 equal, 1 missing, 1 different, 2 extra at the destination (--extras shows them); "
      ), "\(found.errors)")
    let numeric = shell.run("d2-diff --numeric --quiet \(operands)")
    #expect(numeric.status == 1 && numeric.lines == [Self.missing] && numeric.errors.isEmpty)
  }

  @Test(
    "one stream cannot be both sides: the second would get nothing; a file can, and what is empty",
    arguments: [
      ("- -", 64), ("- /dev/stdin", 64), ("/proc/self/fd/0 -", 64), ("/dev/fd/0 /dev/stdin", 64), ("fifo ./fifo", 64),
      ("/dev/stdin destination", 1), ("/dev/null /dev/null", 0),
    ])
  func oneStream(operands: String, status: Int32) {
    let found = shell().run("mkfifo fifo; cat source | d2-diff --quiet \(operands) > found; echo $?; wc -l < found")
    #expect(found.lines == ["\(status)", status == 1 ? "2" : "0"], "\(found.output)\(found.errors)")
    #expect(status != 64 || found.errors.hasSuffix("can be one of the sides, not both\n"), "\(found.errors)")
    let file = shell().run("d2-diff --quiet - /dev/stdin < source; echo $?; d2-diff --quiet source source; echo $?")
    #expect(file.lines == ["0", "0"], "\(file.errors)")
  }

  @Test("extras are written when asked for, as deleted values when asked for")
  func extras() {
    let shell = shell()
    let extra = shell.run("d2-diff source destination --extras --summary found")
    #expect(
      extra.status == 1
        && extra.lines == [
          Self.different, Self.missing, Self.deleted,
          #"{"dataElement":"z","period":"202403","orgUnit":"u1","value":"9","deleted":false}"#,
        ], "\(extra.output)\(extra.errors)")
    #expect(
      shell.file("found")
        == #"{"source":4,"destination":5,"equal":2,"missing":1,"different":1,"extra":2,"deleted":1,"notKept":0,"status":1}"#
        + "\n")
    let deleted = shell.run("d2-diff source destination --delete-extras --max-delete 1")
    #expect(
      deleted.lines.last == #"{"dataElement":"z","period":"202403","orgUnit":"u1","value":"9","deleted":true}"#,
      "\(deleted.output)\(deleted.errors)")
  }

  @Test(
    "deletions are guarded: nothing at all is written",
    arguments: [
      ("source destination", "they are more than --max-delete 1% of 5"),
      ("source destination --max-delete 0", "they are more than --max-delete 0 of 5"),
      ("source destination --max-delete 19.5%", "they are more than --max-delete 19.5% of 5"),
      ("/dev/null destination --max-delete 100%", "the source is empty"),
      ("<(cat source) destination --max-delete 100%", "the source comes through a pipe"),
      ("<(grep deleted source) destination --max-delete 100%", "the source is empty"),
      ("- destination --max-delete 100% < <(:)", "the source is empty"),
    ])
  func guarded(words: String, reason: String) {
    let found = shell().run("d2-diff --delete-extras \(words)")
    #expect(found.status == 65 && found.output.isEmpty)
    #expect(found.errors.contains("would be deleted, but \(reason)"), "\(found.errors)")
    #expect(found.errors.split(separator: "\n").count == 1)
  }

  @Test("rows show both values; a summary counts by data set, period and unit")
  func rows() {
    let shell = shell()
    let rows = shell.run("d2-diff source <(cat destination) --format tsv --extras | cut -f1,3,4,8,9")
    #expect(
      rows.lines == [
        "difference\tdataElement\tperiod\tsource\tdestination", "different\ta\t202402\t2\t2.0",
        "missing\ta\t202403\t3\t",
        "extra\tb\t202403\t\t9", "extra\tz\t202403\t\t9",
      ], "\(rows.output)\(rows.errors)")
    let documents = shell.run("d2-diff source destination --format json").documents
    #expect(documents.count == 2 && documents[0]["destination"] == "2.0" && documents[1]["destination"] == .some(.null))
    let summary = shell.run(
      "d2-diff source destination --format summary | jq -c '[.period, .orgUnit, .source, .destination, .equal, .missing, .different, .extra]'"
    )
    #expect(
      summary.lines == [
        #"["202401","u1",1,1,1,0,0,0]"#, #"["202402","u1",1,1,0,0,1,0]"#, #"["202403","u1",2,3,1,1,0,2]"#,
      ], "\(summary.output)\(summary.errors)")
    let table = shell.run("d2-diff source destination --format table")
    #expect(table.lines.map { $0.prefix { $0 != " " } } == ["DIFFERENCE", "different", "missing"])
  }

  @Test("equal is 0; two empty sides are equal, and said to be empty")
  func equal() {
    let shell = shell()
    let equal = shell.run("d2-diff source <(tac source)")
    #expect(equal.status == 0 && equal.output.isEmpty)
    let empty = shell.run("d2-diff /dev/null /dev/null")
    #expect(empty.status == 0 && empty.errors.contains("nothing was compared"))
    // Another combo that equals a missing one.
    shell.write("other", Self.source.replacing("HllvX50cXC0", with: "DefaultUID1"))
    #expect(shell.run("d2-diff source other").status == 1)
    #expect(shell.run("d2-diff source other --default-combo DefaultUID1").status == 0)
  }

  @Test("of a key that comes twice the last line counts, as it does for a server")
  func twice() {
    let shell = Shell()
    shell.write("old", #"{"dataElement":"a","period":"2024","orgUnit":"u","value":"1"}"# + "\n")
    shell.write("new", #"{"dataElement":"a","period":"2024","orgUnit":"u","value":"2"}"# + "\n")
    #expect(shell.run("d2-diff <(cat old new) new").status == 0)
    #expect(shell.run("d2-diff <(cat new old new) <(cat new new)").status == 0)
    let found = shell.run("d2-diff <(cat new old) new")
    #expect(found.status == 1 && found.output == shell.file("old"))
  }

  @Test("registrations are compared by data set, period, unit and attribute option combo")
  func registrations() {
    let shell = Shell()
    let one = #"{"dataSet":"s","period":"2024","organisationUnit":"u","completed":true,"storedBy":"x"}"#
    let two = #"{"dataSet":"s","period":"2024","organisationUnit":"v","attributeOptionCombo":"HllvX50cXC0"}"#
    shell.write("source", one + "\n" + two + "\n")
    shell.write("destination", two.replacing(#","attributeOptionCombo":"HllvX50cXC0""#, with: "") + "\n")
    let found = shell.run("d2-diff source destination")
    #expect(found.status == 1 && found.lines == [one], "\(found.errors)")
  }

  // MARK: Faults

  @Test(
    "what cannot be compared is an error, one line, and nothing is written",
    arguments: [
      ("<(head -c 150 source) destination", 65, ", line 2: "),
      (
        "source <(cat destination; echo '{\"dataElement\":\"a\",\"period\":\"2024\"}')", 65,
        "line 6: orgUnit is missing"
      ),
      ("source <(echo '<html>')", 65, "line 1: this is HTML"),
      ("source nowhere", 74, "cannot read nowhere: No such"),
      ("source .", 74, "directory"), ("source", 64, "say what to compare"), ("- -", 64, "not both"),
      ("source destination more", 64, "say what to compare"),
      ("source destination -y 2022", 64, "--year goes with --pair"),
      ("--pair hmis source destination", 64, "not both"), ("source destination --level 2", 64, "--format summary"),
      ("source destination --max-delete 5", 64, "--delete-extras"),
      ("source destination --memory 1M", 64, "at least 16M"),
      ("source destination --delete-extras --max-delete lots", 64, "a number of values, or a share"),
    ])
  func faults(words: String, status: Int32, text: String) {
    let found = shell().run("d2-diff \(words)")
    #expect(found.status == status && found.output.isEmpty, "\(found.status) \(found.output)")
    #expect(found.errors.contains(text) && found.errors.split(separator: "\n").count == 1, "\(found.errors)")
  }

  @Test("a source that is read from its middle deletes nothing; registrations are deleted as values are")
  func guardedMore() {
    let shell = shell()
    let middle = shell.run("(read -r line; d2-diff - destination --delete-extras --max-delete 100%) < source")
    #expect(middle.status == 65 && middle.output.isEmpty && middle.errors.contains("was not read from its beginning"))
    shell.write("r", #"{"dataSet":"s","period":"2024","organisationUnit":"u"}"# + "\n")
    shell.write("q", #"{"dataSet":"s","period":"2023","organisationUnit":"u"}"# + "\n")
    let registrations = shell.run("d2-diff r q --delete-extras --max-delete 100%")
    #expect(
      registrations.status == 1
        && registrations.lines == [
          #"{"dataSet":"s","period":"2024","organisationUnit":"u"}"#,
          #"{"dataSet":"s","period":"2023","organisationUnit":"u","deleted":true}"#,
        ], "\(registrations.output)\(registrations.errors)")
    shell.write("none", "")
    let empty = shell.run("d2-diff none q --delete-extras --max-delete 100%")
    #expect(empty.status == 65 && empty.errors.contains("1 registration would be deleted, but the source is empty"))
  }

  @Test("a FIFO that nobody writes: a fault of the other side, and a signal, end the waiting")
  func silentFIFO() {
    let shell = shell()
    let outcome = shell.run(
      """
      mkfifo fifo; echo bad > bad; timeout 20 d2-diff bad fifo; echo $?
      d2-diff source fifo & pid=$!; sleep 0.5; kill -TERM $pid; wait $pid; echo $?
      (sleep 0.5; cat destination > fifo) & d2-diff source fifo | wc -l
      """)
    #expect(outcome.lines == ["65", "143", "2"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("half a surrogate pair equals nothing but itself; an escaped default combo is one")
  func escapes() {
    let shell = Shell()
    func line(_ value: String, _ more: String = "") -> String {
      #"{"dataElement":"a","period":"2024","orgUnit":"u","value":"\#(value)"\#(more)}"# + "\n"
    }
    shell.write("one", line(#"\ud800"#))
    shell.write("two", line(#"\udfff"#))
    #expect(shell.run("d2-diff one two").status == 1 && shell.run("d2-diff one one").status == 0)
    shell.write("plain", line("1"))
    shell.write("escaped", line("1", #","categoryOptionCombo":"\u0048llvX50cXC0""#))
    #expect(shell.run("d2-diff plain escaped --extras").status == 0)
  }

  @Test("a temporary file that cannot be made, an output that is full, a reader that goes")
  func files() {
    let shell = shell()
    let folder = shell.run("d2-diff <(cat source) destination", ["TMPDIR": "/nowhere/at/all"])
    #expect(folder.status == 73 && folder.errors.contains("temporary file in /nowhere/at/all"), "\(folder.errors)")
    let full = shell.run("d2-diff source destination > /dev/full")
    #expect(full.status == 73 && full.errors.contains("No space left"), "\(full.errors)")
    let gone = shell.run(
      #"""
      jq -nc 'range(50000) | {dataElement: "a\(.)", period: "2024", orgUnit: "u", value: "1"}' > many
      d2-diff many /dev/null | head -1 > first; echo ${PIPESTATUS[0]}; wc -l < first; ls tmp 2>/dev/null | wc -l
      """#)
    #expect(gone.lines == ["141", "1", "0"] && gone.errors.isEmpty, "\(gone.output)\(gone.errors)")
  }

  // MARK: Of a pair

  private static let month = "--data-set MONTH -y 2022 -q 1"

  @Test(
    "a pair: what was moved is equal; what was changed is found, pushed, and equal again",
    arguments: StoreKind.available)
  func pair(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      d2-diff --pair hmis \(Self.month) > all 2>/dev/null; say empty $?
      d2-pull --pair hmis \(Self.month) --quiet | jq -c 'select(.deleted != true)' | sort > pulled
      sort all | cmp - pulled && d2-push --pair hmis --quiet < all > /dev/null; say pushed $?
      d2-diff --pair hmis \(Self.month); say equal $?
      head -1 pulled | jq -c '.value = "77"' > changed; sed -n 2p pulled | jq -c '.deleted = true' > gone
      cat changed gone | D2_USERNAME=admin D2_PASSWORD=district d2-push --url $DST --quiet > /dev/null
      d2-diff --pair hmis \(Self.month) --format ndjson | tee found | d2-push --pair hmis --quiet > /dev/null
      say changed ${PIPESTATUS[*]}
      head -2 pulled | sort | cmp - <(sort found); d2-diff --pair hmis \(Self.month) --quiet; say again $?
      d2-diff --pair hmis \(Self.month) --format summary --level 2 --quiet > summary
      say units $(jq -s 'length' summary); say different $(jq -s 'map(.missing + .different) | add' summary)
      say named $(jq -s 'map(.name != null) | all' summary); say alike $(jq -s 'map(.equal) | add' summary)
      """)
    let pulled = world.shell.file("pulled").split(separator: "\n").count
    #expect(Int(outcome["units"] ?? "") ?? 0 >= 3)
    #expect(
      outcome.lines.filter { !$0.hasPrefix("units=") } == [
        "empty=1", "pushed=0", "equal=0", "changed=1 0 0", "again=0", "different=0", "named=true", "alike=\(pulled)",
      ], "\(outcome.errors)")
  }

  @Test("what only the destination has is deleted there, unless it is too much or the source is not whole")
  func deletion() throws {
    let world = try World(slicesIn: .sqlite, values: 3000, level: nil)
    let outcome = world.run(
      """
      d2-pull --pair hmis \(Self.month) --quiet | d2-push --pair hmis --quiet > /dev/null
      d2-pull --pair hmis \(Self.month) --quiet | jq -c 'select(.deleted != true)' | head -2 | tee gone | jq -c '.deleted = true' | d2-push --url $SRC --quiet > /dev/null
      d2-diff --pair hmis \(Self.month) --quiet; echo $?
      d2-diff --pair hmis \(Self.month) --delete-extras --max-delete 1 --quiet | wc -l
      fault $SRC '{"kind":"cut-body","after":3000,"times":0,"path":"/api/dataValueSets"}'
      d2-diff --pair hmis \(Self.month) --delete-extras --max-delete 100% --retries 0 > cut 2> cut.errors; echo $?; wc -c < cut; heal $SRC
      d2-diff --pair hmis \(Self.month) --delete-extras --max-delete 2 2> errors | d2-push --pair hmis --quiet > /dev/null; echo ${PIPESTATUS[*]}
      d2-diff --pair hmis \(Self.month) --extras --quiet; echo $?
      """)
    // The source's own deletions are told as such (includeDeleted is on) and need no guard.
    #expect(
      outcome.lines == ["0", "2", "75", "0", "1 0", "0"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
    #expect(world.shell.file("cut.errors").contains("the source could not be read to its end"))
  }

  @Test("both servers are asked for their default combo; a destination that is down ends all")
  func servers() throws {
    let world = try World(slicesIn: .sqlite, level: nil)
    for server in [world.source, world.destination] { server.resetStatistics() }
    world.run("d2-diff --pair hmis \(Self.month) --quiet > /dev/null")
    for server in [world.source, world.destination] {
      let targets = (server.statistics["recent"]?.array ?? []).compactMap { $0["target"]?.string }
      #expect(targets.contains { $0.hasPrefix("/api/categoryOptionCombos?") && $0.contains("name:eq:default") })
    }
    let down = world.run(
      """
      fault $DST '{"kind":"status","status":503,"times":0,"path":"/api/dataValueSets"}'
      d2-diff --pair hmis \(Self.month) --retries 0; echo $?
      """)
    #expect(
      down.lines == ["75"] && down.errors.contains("the destination could not be read"), "\(down.output)\(down.errors)")
  }

  // MARK: reconcile

  @Test("what both d2-pulls say is said once")
  func errorsOnce() throws {
    let world = try World(slicesIn: .sqlite, values: 100, level: nil)
    let outcome = world.run(
      """
      d2-diff --pair hmis -y 2022 --org-unit abcdefghijk --data-set MONTH 2> one; echo $?
      d2-diff --pair hmis --data-set MONTH --org-unit $ROOT -y 2022 -p 202201 --start-date 2022-01-01 2> two; echo $?
      sort one | uniq -d | wc -l; sort two | uniq -d | wc -l; grep -c '^d2-pull: ' two; cat one two >&2
      """)
    #expect(outcome.lines == ["64", "64", "0", "0", "1"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("reconcile: what is equal is verified, what is not is moved again", arguments: StoreKind.available)
  func reconcile(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null; d2-slices run --pair hmis --jobs 2 --quiet; echo $?
      slice=$(d2-slices list --pair hmis | jq -c 'select(.pulled > 3)' | head -1)
      d2-pull --slice "$slice" --quiet | jq -c 'select(.deleted != true) | .value = "88"' | head -1 | d2-push --url $DST --quiet > /dev/null
      scripts/reconcile hmis --jobs 2 --dry-run; echo $?; states
      scripts/reconcile hmis --jobs 2 2> errors; echo $?; states
      d2-slices list --pair hmis --state waiting | jq .id | cmp - <(jq .id <<< "$slice"); echo $?
      d2-slices run --pair hmis --quiet; scripts/reconcile hmis; echo $?; states
      d2-slices verify --pair hmis --id 99; echo $?; scripts/reconcile hmis --jobs 0; echo $?; scripts/reconcile; echo $?
      scripts/reconcile hmis --state failed; echo $?; D2_STORE=$PWD/other.sqlite scripts/reconcile hmis --all --id 1 --store "$D2_STORE"; echo $?
      fault $SRC '{"kind":"latency","seconds":30,"times":0,"path":"/api/dataValueSets"}'
      scripts/reconcile hmis --all & pid=$!; await '[ -n "$(pgrep -P $pid xargs)" ]'; kill -TERM $pid; wait $pid; echo $?
      """)
    #expect(
      outcome.lines == [
        "0", "1", "done=12", "1", "verified=11 waiting=1", "0", "0", "verified=12", "1", "64", "64", "64", "0", "143",
      ],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
    #expect(world.shell.file("errors").contains("12 slices compared: 11 equal, 1 different"))
    #expect(
      outcome.errors.contains(
        "reconcile: 12 slices compared: 11 equal (would be verified), 1 different (would be moved again), 0 could not be compared; nothing was recorded\n"
      ), "\(outcome.errors)")
  }
}
