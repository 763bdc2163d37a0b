import Testing
import WaitingTests

@Suite("d2-convert: JSON", .waiting)
struct ConvertJSONTests {
  private static let value = #"{"dataElement":"a","period":"202401","orgUnit":"u","value":"1"}"#
  private static let other = #"{"dataElement":"b","period":"202401","orgUnit":"u","value":"2"}"#

  @Test(
    "objects on lines, over lines, in arrays and in documents are the same values",
    arguments: [
      "\(value)\n\(other)\n", "\(value)\r\n\r\n\(other)", " \(value) \(other) ", "[\(value),\(other)]",
      "[ \(value)\n,\n\(other) ]\n", "{\"dataValues\":[\(value),\(other)]}",
      "{ \"dataValues\" : [ \(value) , \(other) ] }",
      "{\"dataValues\":[\(value)]}\n{\"dataValues\":[\(other)]}\n", "\u{FEFF}\(value)\n\(other)\n",
      "{\"dataSet\":null,\"dataValues\":[\(value),\(other)],\"period\":null}",
    ])
  func shapes(text: String) {
    let shell = Shell()
    shell.write("in", text)
    for command in ["d2-convert in", "d2-convert < in", "cat in | d2-convert", "gzip -c in | d2-convert -"] {
      let outcome = shell.run(command)
      #expect(outcome.output == "\(Self.value)\n\(Self.other)\n", "\(command): \(outcome.errors)")
      #expect(outcome.errors == "d2-convert: 2 values converted\n", "\(command)")
      #expect(outcome.status == 0, "\(command)")
    }
  }

  @Test(
    "inputs without a value: an empty text, an empty array, documents without values",
    arguments: [
      "", " \n", "[]", "[ ]", "{}", #"{"dataValues":[]}"#, #"{"dataValues":null}"#,
      #"{"dataSet":"d","period":"2024","orgUnit":"u"}"#,
    ])
  func nothing(text: String) {
    let shell = Shell()
    shell.write("in", text)
    let outcome = shell.run("d2-convert in; d2-convert --to document in; d2-convert --to csv in | wc -l")
    #expect(outcome.output == "{\"dataValues\":[]}\n1\n", "\(outcome.errors)")
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test("what stands at the top goes into the values that lack it, wherever it stands, and by whose rule is asked for")
  func top() {
    let shell = Shell()
    let values = #"[{"dataElement":"a","value":"1"},{"dataElement":"b","period":"202402","orgUnit":null,"value":"2"}]"#
    let top = #""dataSet":"d","period":202401,"orgUnit":"u\u00e9","attributeOptionCombo":"c""#
    let expected = """
      {"dataElement":"a","period":"202401","orgUnit":"u\\u00e9","attributeOptionCombo":"c","value":"1","dataSet":"d"}
      {"dataElement":"b","period":"202402","orgUnit":"u\\u00e9","attributeOptionCombo":"c","value":"2","dataSet":"d"}

      """
    for text in ["{\(top),\"dataValues\":\(values)}", "{\"dataValues\":\(values),\(top)}"] {
      shell.write("in", text)
      for command in ["d2-convert in", "d2-convert < in", "gzip -c in > in.gz; d2-convert in.gz"] {
        let outcome = shell.run(command)
        #expect(outcome.output == expected, "\(text): \(command): \(outcome.errors)")
      }
      let upTo42 = shell.run("d2-convert --as-of 2.42 in | jq -r .period")
      #expect(upTo42.lines == ["202401", "202401"], "\(text): \(upTo42.errors)")
    }
    // A pipe cannot be read twice, so the values already written would lack a field.
    let pipe = shell.run("cat in | d2-convert")
    #expect(pipe.status == 65)
    #expect(pipe.errors.contains("no \"period\""), "\(pipe.errors)")
    shell.write("late", #"{"dataValues":[{"dataElement":"a","period":"2024","orgUnit":"u"}],"dataSet":"d"}"#)
    let late = shell.run("cat late | d2-convert")
    #expect(late.status == 65)
    #expect(
      late.errors
        == "d2-convert: standard input: \"dataSet\" comes after the values that lack it: give the document as a file, not through a pipe\n"
    )
  }

  @Test(
    "what stands behind values that it is for ends a pipe, and a file is read right",
    arguments: [
      ("--data-set e", #""dataSet":"d""#, "may lack"), ("--period 202401", #""period":"202402""#, "may lack"),
      ("--as-of 2.42", #""period":"202402""#, "take"), ("--as-of 2.42", #""dataSet":"d""#, "take"),
    ])
  func behind(options: String, member: String, says: String) throws {
    let shell = Shell()
    shell.write(
      "in", #"{"dataValues":[{"dataElement":"a","orgUnit":"u","period":"202401","value":"1"}],\#(member)}"# + "\n")
    let pipe = shell.run("cat in | d2-convert \(options)")
    let key = try #require(member.split(separator: ":").first)
    #expect(pipe.status == 65)
    #expect(
      pipe.errors == "d2-convert: standard input: \(key) comes after the values that \(says) it: "
        + "give the document as a file, not through a pipe\n")
    #expect(shell.run("d2-convert \(options) in").status == 0)
    shell.write("none", "{\"dataValues\":[],\(member)}")
    #expect(shell.run("cat none | d2-convert \(options)").status == 0)
  }

  @Test("what stands at the top of documents around an array stays with its document")
  func aroundArrays() {
    let shell = Shell()
    let document = { (set: String) in #"{"dataSet":"\#(set)","dataValues":[\#(Self.value)]}"# }
    shell.write("in", document("d") + "[\(Self.other)]" + document("e"))
    for command in ["d2-convert in", "d2-convert --as-of 2.42 in", "cat in | d2-convert"] {
      let outcome = shell.run("\(command) | jq -r .dataSet")
      #expect(outcome.lines == ["d", "null", "e"], "\(command): \(outcome.errors)")
    }
  }

  @Test(
    "the top of a document that says two things, or what only values say, is malformed",
    arguments: [
      (#""period":"202401","period":"202402""#, "line 1, column 20: the key \"period\" repeats something"),
      (#""orgUnit":"u","Org Unit":"v""#, "line 1, column 16: the key \"Org Unit\" repeats something"),
      (#""comment":"c""#, "line 1, column 2: at the top of the document: \"comment\" belongs in the values"),
    ])
  func top(members: String, says: String) {
    let shell = Shell()
    shell.write("in", "{\(members),\"dataValues\":[\(Self.value)]}")
    for command in ["d2-convert in", "cat in | d2-convert"] {
      let outcome = shell.run(command)
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains(says), "\(outcome.errors)")
    }
    shell.write("same", #"{"period":"202401","period":"202401","dataValues":[{"dataElement":"a","orgUnit":"u"}]}"#)
    #expect(shell.run("d2-convert same").status == 0)
  }

  @Test("completeDate becomes a registration, or a line says that it was left out; id schemes are named")
  func around() {
    let shell = Shell()
    shell.write(
      "in",
      #"{"dataSet":"d","completeDate":"2024-02-01","period":"202401","orgUnit":"u","dataElementIdScheme":"CODE","orgUnitIdScheme":"UID","dataValues":[{"dataElement":"A","value":"1"}]}"#
    )
    let left = shell.run("d2-convert in > out")
    #expect(left.status == 0)
    #expect(
      left.errors == """
        d2-convert: the ids are not uids: give d2-push --data-element-id-scheme CODE
        d2-convert: 1 completeDate left out, because it is not a value: --registrations FILE keeps it for d2-push --registrations
        d2-convert: 1 value converted

        """)
    let kept = shell.run("d2-convert --registrations r in > out; cat r")
    #expect(
      kept.output
        == #"{"dataSet":"d","period":"202401","organisationUnit":"u","date":"2024-02-01","completed":true}"# + "\n",
      "\(kept.errors)")
    #expect(kept.errors.contains("1 value converted, 1 completeDate written to r"), "\(kept.errors)")
  }

  @Test("a registration that stands over several lines becomes one line, as a value does")
  func longRegistrations() {
    let shell = Shell()
    shell.write(
      "in",
      "{\n\"completeDataSetRegistrations\": [\n  {\r\n\"dataSet\":\"d\",\n \"period\":\"2024\",\r\n\"organisationUnit\":\"u\"\n}]}\n"
    )
    let outcome = shell.run("d2-convert in")
    #expect(outcome.lines == [#"{"dataSet":"d", "period":"2024","organisationUnit":"u"}"#], "\(outcome.errors)")
  }

  @Test("what is empty at the top says nothing, as in XML")
  func emptyTop() {
    let shell = Shell()
    shell.write("in", #"{"completeDate":"","dataSet":"","attributeOptionCombo":"","dataValues":[\#(Self.value)]}"#)
    let outcome = shell.run("d2-convert in")
    #expect(outcome.output == Self.value + "\n")
    #expect(outcome.errors == "d2-convert: 1 value converted\n")
  }

  @Test("the documents of an archive, each of which is read twice, are read in their order")
  func archive() {
    let outcome = Shell().run(
      """
      for n in $(seq 40); do echo '{"dataValues":[\(Self.value)],"dataSet":"'$n'"}' > $n.json; done
      echo '\(Self.value)' > 20.json
      python3 -c 'import zipfile; z = zipfile.ZipFile("z", "w"); [z.write("%d.json" % n) for n in range(1, 41)]; z.close()'
      d2-convert z | jq -r .dataSet | paste -sd ' '; seq 40 | sed 's/^20$/null/' | paste -sd ' '
      """)
    #expect(outcome.lines.count == 2 && outcome.lines.first == outcome.lines.last, "\(outcome.output)\(outcome.errors)")
  }

  @Test("registrations of completeness stay what they are")
  func registrations() {
    let shell = Shell()
    let registration =
      #"{"period":"202401","dataSet":"d","organisationUnit":"u","attributeOptionCombo":"c","date":"2024-02-01","storedBy":"x","completed":true}"#
    shell.write("in", #"{"completeDataSetRegistrations":[\#(registration)]}"#)
    let lines = shell.run("d2-convert in; d2-convert in | d2-convert --to document | cmp - in && echo same")
    #expect(lines.output == "\(registration)\nsame\n" || lines.lines == [registration], "\(lines.output)")
    let table = shell.run("d2-convert --to csv in")
    #expect(table.status == 65)
    #expect(table.errors.contains("registrations of completeness have no form in CSV"), "\(table.errors)")
  }

  @Test("numbers, true and false become texts; flags become true and false; what says nothing else stays byte for byte")
  func spellings() {
    let shell = Shell()
    shell.write(
      "in",
      #"""
      {"dataElement":"a","period":2016,"orgUnit":"u","value":200.10}
      {"dataElement":"a","period":"2016","orgUnit":"u","value":true,"followUp":true,"deleted":"TRUE"}
      {"dataElement":"a","period":"2016","orgUnit":"u","value":"é\u00e9\/","comment":"","storedBy":null, "followup":false}
      {"dataElement":"a","period":"2016","orgUnit":"u","value":null,"attributeOptionCombo":{"B":"b"}}
      """#)
    let outcome = shell.run("d2-convert in")
    #expect(
      outcome.output == #"""
        {"dataElement":"a","period":"2016","orgUnit":"u","value":"200.10"}
        {"dataElement":"a","period":"2016","orgUnit":"u","value":"true","followup":true,"deleted":true}
        {"dataElement":"a","period":"2016","orgUnit":"u","value":"é\u00e9\/","comment":"","storedBy":null, "followup":false}
        {"dataElement":"a","period":"2016","orgUnit":"u","value":null,"attributeOptionCombo":{"B":"b"}}

        """#, "\(outcome.errors)")
    #expect(outcome.errors.contains("1 option combo given by categories and their options"), "\(outcome.errors)")
  }

  private static let malformed: [(text: String, says: String)] = [
    (#"{"dataElement":"a","period":"2024","orgUnit":"u","disagg":"x"}"#, "line 1, column 50: unknown key \"disagg\""),
    (value + "\n" + #"{"dataElement":"a","period":"2024","value":"1"}"#, "line 2, column 1: no \"orgUnit\""),
    (#"{"dataElement":"","period":"2024","orgUnit":"u"}"#, "line 1, column 1: \"dataElement\" is empty"),
    (#"{"dataElement":true,"period":"2024","orgUnit":"u"}"#, "line 1, column 1: \"dataElement\" is true or false"),
    (#"{"dataElement":"a","period":["2024"],"orgUnit":"u"}"#, "\"period\" is an object or an array"),
    (#"{"dataElement":"a","period":"2024","orgUnit":"u","value":{}}"#, "\"value\" is an object or an array"),
    (#"{"dataElement":"a","period":"2024","orgUnit":"u","deleted":"yes"}"#, "\"deleted\" is neither true nor false"),
    (
      #"{"dataElement":"a","period":"2024","orgUnit":"u","followup":true,"followUp":false}"#,
      "the key \"followUp\" repeats something"
    ),
    ("\(value)\n\(value.dropLast())\n", "line 2, column 1: the JSON that begins here does not end"),
    ("[\(value)", "line 1, column \(value.utf8.count + 2): the JSON ends early: a comma or ] is expected"),
    ("[\(value) \(value)]", "a comma or ] is expected after a value, not '{'"), ("[\(value),]", "not ']'"),
    ("[1]", "line 1, column 2: a JSON object is expected here, not '1'"), ("[[]]", "not '['"),
    (#"{"dataValues":[],"dataValues":[]}"#, "the values are there twice"),
    (#"{"dataValues":[],"deletion":{"x":1}}"#, "line 1, column 18: at the top of the document: unknown key"),
    (#"{"dataValues":{}}"#, "line 1, column 2: \"dataValues\" is not an array"),
    (#"{"dataValues":[]"#, "the JSON ends early"),
    (#"{"value":{"dataElement":"a"},"reason":"r"}"#, "this is a line of a rejects file"),
    ("{\"dataElement\":\"a\",\"period\":\"2024\",\"orgUnit\":\"u\",\"value\":\"\u{1}\"}", "line 1, column 1: "),
    ("<html><body>login</body></html>", "this is HTML, not data"),
  ]

  @Test(
    "what is malformed or not known is named by line and column, and what stood before it is written",
    arguments: malformed)
  func oddities(text: String, says: String) {
    let shell = Shell()
    shell.write("in", text)
    let outcome = shell.run("d2-convert in")
    #expect(outcome.status == 65, "\(text): \(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("d2-convert: in: \(says)") || outcome.errors.contains(says), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    #expect(outcome.lines.allSatisfy { $0 == Self.value }, "\(outcome.output)")
    let before = text.hasPrefix(Self.value) || text.hasPrefix("[\(Self.value)") ? 1 : 0
    #expect(outcome.lines.count == before, "\(text): \(outcome.output)")
  }

  @Test("what is not known is left out or renamed where the user says so")
  func names() {
    let shell = Shell()
    shell.write("in", #"{"dataElement":"a","pe":"2024","orgUnit":"u","value":"1","disagg":"x","comment":"c"}"# + "\n")
    let outcome = shell.run("d2-convert --rename pe=period --ignore-columns disagg,comment in")
    #expect(
      outcome.output == #"{"dataElement":"a","period":"2024","orgUnit":"u","value":"1"}"# + "\n", "\(outcome.errors)")
    let wrong = shell.run("d2-convert --rename pe=perod in")
    #expect(wrong.status == 64, "\(wrong.errors)")
  }

  @Test("constants are for values that lack them")
  func constants() {
    let shell = Shell()
    shell.write("in", #"{"dataElement":"a","value":"1"}{"dataElement":"a","value":"2","period":"2023"}"#)
    let outcome = shell.run("d2-convert --period 2024 --org-unit u in | jq -c '[.period,.orgUnit]'")
    #expect(outcome.lines == [#"["2024","u"]"#, #"["2023","u"]"#], "\(outcome.errors)")
  }
}
