import D2Client
import D2Common
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-push: values that are not what a server expects", .waiting)
struct OddValueTests {
  typealias Version = StandInServer.ServerVersion

  /// Numbers of the monthly set, in a file `monthly` with this many lines, each tagged with its data set.
  private static func monthly(_ world: World, _ count: Int) {
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      \(World.pullAll) --quiet |
        jq -c --arg ds $1 'select(.dataSet==$ds and .deleted!=true and (.value|test("^[1-9][0-9]?$")))' | head -\(count) > monthly
      wc -l < monthly
      """)
    #expect(outcome.lines == ["\(count)"], "\(outcome.errors)")
  }

  private static func stored(_ world: World) -> [JSONValue] {
    world.destination.values.split(separator: "\n").compactMap { try? JSONValue(parsing: String($0)) }
  }

  @Test(
    "values whose option combo is null are refused and never become one; --null-combo default sends them",
    arguments: [Version.v40, .v42, .v43])
  func nullCombos(version: Version) throws {
    let world = try World(.v42, version)
    Self.monthly(world, 50)
    // Two values of one element, whose combos have no id in the scheme that they were pulled in.
    let outcome = world.run(
      """
      head -1 monthly | jq -c '.value="11"|.categoryOptionCombo=null' > nulls
      head -1 monthly | jq -c '.value="14"|.categoryOptionCombo=null' >> nulls
      head -1 monthly | jq -c '.categoryOptionCombo="" | .attributeOptionCombo=null' >> nulls
      cat nulls <(sed -n '2,$p' monthly) > values
      d2-push --url $DST < nulls > out 2> errors; echo $?; wc -c < out; grep 'line 1' errors
      d2-push --url $DST --rejects rejects < values > out; echo $?
      jq -r .message rejects | cut -d: -f1 | sort | uniq -c | tr -s ' '
      jq -r .text rejects | cmp - nulls && echo just these
      """)
    #expect(
      outcome.lines == [
        "65", "0",
        "d2-push: line 1: \"categoryOptionCombo\" is null, and a server would store the value under the default combo: "
          + "pull the combos by uid (--category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID), or give --null-combo default if that is right "
          + "(with --rejects FILE, the line goes there and d2-push continues)",
        "1",
        " 1 \"categoryOptionCombo\" and \"attributeOptionCombo\" are empty or null, and a server would store the value under the default combo",
        " 2 \"categoryOptionCombo\" is null, and a server would store the value under the default combo", "just these",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(Self.stored(world).count == 49)
    let before = Self.ofDefault(world)
    let asked = world.run("d2-push --url $DST --null-combo default < nulls > /dev/null; echo $?")
    #expect(asked.lines == ["0"], "\(asked.errors)")
    #expect(Self.ofDefault(world) == before + 1 && Self.stored(world).count == 50)
  }

  private static func ofDefault(_ world: World) -> Int {
    stored(world).count { $0["categoryOptionCombo"]?.string == Metadata.defaultOptionComboUid }
  }

  /// Faults, each as a change of a valid value. Some versions accept values that d2 does not send, or refuse values
  /// that it does.
  private static func faults(_ version: Version) -> [String] {
    var faults = [
      #".dataElement="Nonexisten1""#, #".orgUnit="Nonexisten1""#, #".categoryOptionCombo="Nonexisten1""#,
      #".attributeOptionCombo="Nonexisten1""#, #".period="2022-nonsense""#, #".period="202213""#,
      #".dataElement="abc""#,
      #".orgUnit="abc""#, #".categoryOptionCombo="abc""#, #".value="many""#, #".value="1.5""#, #".value="""#,
      #".value=null"#,
      "del(.value)", #".value={"n":2}"#, #".value={}"#, ".dataElement=null", "del(.period)", ".orgUnit=null",
      #".dataElement={"id":"x"}"#, #".period=["202201"]"#, ".orgUnit=false", ".period=true", ".dataElement=5",
      #".comment={"a":1}|{comment}+."#, #".deleted="perhaps""#,
    ]
    if version.minor < 43 {
      faults += [#".categoryOptionCombo={"RecCatSex01":"RecCoMale01"}"#, #".categoryOptionCombo=["a"]"#, ".value=[3]"]
    } else {
      faults += [#".value=["3","4"]"#]
    }
    return faults
  }

  @Test(
    "what is refused is exactly what the server refuses when each value is posted alone",
    arguments: [Version.v40, .v42, .v43], [1, 2] as [UInt64])
  func oracle(version: Version, seed: UInt64) throws {
    let world = try World(.v42, version)
    Self.monthly(world, 240)
    // Each fault on a line of its own, at random places among good lines.
    var random = Random(seed: seed)
    let faults = Self.faults(version)
    let places = Array((1...240).shuffled(using: &random).prefix(faults.count))
    let spoil = zip(places, faults).map { "sed -n \($0)p monthly | jq -c '\($1)' | sed 's/^/\($0)\\t/'" }
    world.shell.write("spoil", spoil.joined(separator: "\n"))
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      bash spoil > bad
      awk -F'\\t' 'NR == FNR { bad[$1] = $2; next } { print (FNR in bad) ? bad[FNR] : $0 }' bad monthly > mixed
      d2-push --url $DST --rejects rejects < mixed > /dev/null; echo $?
      jq -r .line rejects | sort -n > found; curl -s $DST/control/values | wc -l
      # The truth: a server of the same version, one value a request.
      cut -f1 bad | while read -r line; do
        sed -n ${line}p mixed | jq -c --arg ds $1 '{dataSet: $ds, dataValues: [.]}' |
          curl -s -o answer -w '%{http_code}' -u admin:district -H 'Content-Type: application/json' --data-binary @- \
            $DST/api/dataValueSets > code
        jq -e '.status != "OK"' answer > /dev/null && echo $line
      done | sort -n > truth
      wc -l < truth; diff truth found && echo the same
      """)
    #expect(
      outcome.lines == ["1", "\(240 - faults.count)", "\(faults.count)", "the same"],
      "\(version) \(seed): \(outcome.output)\(outcome.errors)\n\(world.shell.file("bad"))")
    let totals = World.totals(outcome.errors)
    #expect(totals["read"] == 240 && totals["refused"] == faults.count, "\(outcome.errors)")
  }

  @Test("positions of a summary whose counts do not fit the request are not believed", arguments: [Version.v40, .v42])
  func wrongPositions(version: Version) throws {
    for counts in [#""imported":2,"updated":0,"ignored":3"#, #""imported":0,"updated":0,"ignored":2"#] {
      let world = try World(.v42, version)
      Self.monthly(world, 4)
      let lie =
        #"{"status":"WARNING","response":{"responseType":"ImportSummary","status":"WARNING","importCount":{\#(counts),"deleted":0},"conflicts":[{"object":"x","value":"Data element not found or not accessible: `null`","errorCode":"E7610","indexes":[2]}],"rejectedIndexes":[2]}}"#
      try world.fail(
        destination: JSONValue.object([
          .init("kind", "status"), .init("status", 409), .init("type", "application/json"), .init("body", .string(lie)),
          .init("path", "/api/dataValueSets"), .init("method", "POST"),
        ]).text)
      let outcome = world.run("d2-push --url $DST < monthly > /dev/null")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(World.totals(outcome.errors)["refused"] == 0)
      #expect(Self.stored(world).count == 4)
    }
  }

  @Test("flags that are texts arrive as flags", arguments: [Version.v40, .v42, .v43])
  func textFlags(version: Version) throws {
    let world = try World(.v42, version)
    Self.monthly(world, 4)
    let outcome = world.run(
      """
      sed -n 4p monthly | d2-push --url $DST > /dev/null
      { sed -n 1p monthly | jq -c '.followup="true"'; sed -n 2p monthly | jq -c '.followup="false" | .deleted=""'
        sed -n 3p monthly | jq -c '.followup=""'; sed -n 4p monthly | jq -c '.deleted="true"'; } > flags
      d2-push --url $DST --summary sum < flags > /dev/null; echo $?; jq -c '[.read,.refused,.notSent]' sum
      """)
    #expect(outcome.lines == ["0", "[4,0,0]"], "\(outcome.output)\(outcome.errors)")
    let stored = Self.stored(world)
    let marked = stored.filter { $0["followup"]?.bool == true }.compactMap { $0["value"]?.string }
    let first = try JSONValue(parsing: String(world.shell.file("monthly").prefix { $0 != "\n" }))
    #expect(marked == [first["value"]?.string].compactMap { $0 }, "\(world.destination.values)")
    let deleted = stored.count { $0["deleted"]?.bool == true }
    #expect(stored.count == 4 && deleted == 1, "\(world.destination.values)")
  }

  @Test(
    "characters beyond ASCII arrive at a server whose Java runs without UTF-8; one up to 2.42 gets the same bytes",
    arguments: [Version.v42, .v43])
  func charset(version: Version) throws {
    let world = try World(.v42, version, change: { $0.readsASCII = true })
    Self.monthly(world, 3)
    let values = try world.shell.file("monthly").split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    for element in Set(values.compactMap { $0["dataElement"]?.string }) {
      try world.change(destination: #"{"dataElements":[{"id":"\#(element)","valueType":"TEXT"}]}"#)
    }
    let texts = ["é漢🏥", #"\u00e9\ud83c\udfe5 é"#, "plain"]
    let lines = zip(values, texts).map { value, text in
      let ids = (value.members ?? []).filter { !["value", "comment"].contains($0.key) }
      return String(JSONValue.object(ids).text.dropLast()) + #","value":"\#(text)","comment":"\#(text)"}"#
    }
    world.shell.write("texts", lines.joined(separator: "\n") + "\n")
    let outcome = world.run(
      """
      d2-push --url $DST --compression none --record rec < texts > /dev/null; echo $?
      jq -r 'select(.request.method == "POST") | .request.body' rec/* > body
      grep -cF "$(paste -sd , texts)" body; LC_ALL=C tr -d '\\000-\\177' < body | wc -c
      """)
    let isEscaped = version == .v43
    #expect(outcome.lines.prefix(2) == ["0", isEscaped ? "0" : "1"], "\(outcome.output)\(outcome.errors)")
    #expect((outcome.lines.last == "0") == isEscaped, "\(outcome.output)\(outcome.errors)")
    let expected = ["plain", "é漢🏥", "é🏥 é"]
    for key in ["value", "comment"] {
      let stored = Self.stored(world).compactMap { $0[key]?.string }.sorted()
      #expect(stored == expected.sorted(), "\(key): \(world.destination.values)")
    }
  }

  @Test("a combo of category options arrives at 2.43; of two spellings of one combo the last wins")
  func categoryOptions() throws {
    let world = try World(.v42, .v43)
    Self.monthly(world, 30)
    let metadata = Country.metadata(units: World.units, seed: 1)
    let combos = metadata.categoryOptionCombos.map { combo in
      "\"\(combo.uid)\":{\"CatOfSomeSt\":\"\(metadata.categoryOptions[combo.options[0]].uid)\"}"
    }
    world.shell.write("options", "{\(combos.joined(separator: ","))}")
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      jq -c --slurpfile o options '.categoryOptionCombo = $o[0][.categoryOptionCombo]' monthly > objects
      jq -c '.categoryOptionCombo = {CatOfSomeSt: "NoSuchOptio"}' <(head -1 monthly) >> objects
      jq -c '.value = "77"' <(head -1 objects) >> objects
      d2-push --url $DST --rejects rejects < objects > /dev/null; echo $?; jq -r .errorCode rejects; jq -r .line rejects
      """)
    #expect(outcome.lines == ["1", "E8108", "31"], "\(outcome.output)\(outcome.errors)")
    let stored = Self.stored(world)
    #expect(
      stored.count == 30 && stored.filter { $0["value"]?.string == "77" }.count == 1, "\(world.destination.values)")
    let older = world.run("head -3 objects | d2-push --url $SRC 2>&1 > /dev/null | grep line")
    #expect(
      older.output.contains("only servers from 2.43 on read category options; send the combo's id"), "\(older.output)")
  }

  @Test(
    "d2-diff and d2-map --sum take no combo for another that has no id either",
    arguments: ["null", #""""#, #"{"c":"o"}"#, #"["o"]"#])
  func otherReaders(combo: String) {
    let shell = Shell()
    let line = #"{"dataElement":"a","period":"2024","orgUnit":"u","categoryOptionCombo":\#(combo),"value":"1"}"#
    shell.write("two", "\(line)\n\(line)\n")
    shell.write("one", #"{"dataElement":"a","period":"2024","orgUnit":"u","value":"1"}"# + "\n")
    shell.write("table", "kind,from,to\ndataElement,x,y\n")
    for command in ["d2-diff two one", "d2-diff one two", "d2-map table --sum < two"] {
      let outcome = shell.run(command)
      #expect(outcome.status == 65 && outcome.output.isEmpty, "\(command): \(outcome.output)\(outcome.errors)")
      #expect(
        outcome.errors.contains("line 1: \"categoryOptionCombo\" is ") && outcome.errors.contains("by uid"),
        "\(outcome.errors)")
    }
    #expect(shell.run("d2-map table < two").lines == [line, line])
  }
}
