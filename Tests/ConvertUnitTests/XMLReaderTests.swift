import D2Common
import TestSupport
import Testing

@testable import D2Convert

@Suite("XMLReader")
struct XMLReaderTests {
  private static func read(
    _ bytes: [UInt8], _ names: FieldNames = FieldNames(), isUTF8: Bool = false, most: Int = .max
  ) throws -> [String] {
    var values = RecordedValues()
    try XMLReader(names, isUTF8: isUTF8).read(BytesSource(bytes, name: "export.xml", most: most), into: &values)
    return values.lines
  }

  private static func read(_ text: String, _ names: FieldNames = FieldNames()) throws -> [String] {
    try read(Array(text.utf8), names)
  }

  private static func problem(_ text: String, _ names: FieldNames = FieldNames()) -> String {
    failure { _ = try read(text, names) }
  }

  // MARK: dxf 2.0

  private static let dxf = """
    <?xml version='1.0' encoding='UTF-8'?>
    <!-- as 2.40 writes it -->
    <d:dataValueSet xmlns:d="http://dhis2.org/schema/dxf/2.0" dataSet="lyLU2wR22tC" completeDate="" period="202401" \
    orgUnit="DiszpKrYNg8" dataElementIdScheme="CODE">
      <d:dataValue dataElement="f7n9E0hX8qk" period="202401" orgUnit="DiszpKrYNg8" categoryOptionCombo="HllvX50cXC0" \
    attributeOptionCombo="HllvX50cXC0" value="12" storedBy="" created="2024-01-01T00:00:00.000+0000" \
    lastUpdated="2024-01-02T00:00:00.000+0000" \
    comment="a &quot;b&quot; &lt;é&gt;&#10;c" followUp="true" deleted="false"/>
    <d:dataValue
        dataElement='x' value='&#x1F600;'></d:dataValue></d:dataValueSet>
    """

  private static let dxfLines = [
    #"begin period="202401" orgUnit="DiszpKrYNg8" dataSet="lyLU2wR22tC" dataElementIdScheme=CODE"#,
    "4:3 dataElement='f7n9E0hX8qk' period='202401' orgUnit='DiszpKrYNg8' categoryOptionCombo='HllvX50cXC0' "
      + "attributeOptionCombo='HllvX50cXC0' value='12' lastUpdated='2024-01-02T00:00:00.000+0000' "
      + "comment='a \"b\" <é>\nc' followup='true' deleted='false' created='2024-01-01T00:00:00.000+0000'",
    "5:1 dataElement='x' value='😀'",
    #"end period="202401" orgUnit="DiszpKrYNg8" dataSet="lyLU2wR22tC" dataElementIdScheme=CODE"#,
  ]

  @Test("reads dxf 2.0 with all that it says, in whatever pieces it comes")
  func readsDXF() throws {
    for most in 1..<Self.dxf.utf8.count {
      let difference = firstDifference(try Self.read(Array(Self.dxf.utf8), most: most), from: Self.dxfLines)
      try #require(difference == nil, "in pieces of \(most)")
    }
  }

  @Test("names that old versions wrote, and those that the user gives")
  func otherNames() throws {
    let old =
      "<dataValueSet>"
      + #"<dataValue dataElement="a" timestamp="2012-01-01" followup="false" x:comment="c"/></dataValueSet>"#
    #expect(
      try Self.read(old) == [
        "begin", "1:15 dataElement='a' lastUpdated='2012-01-01' comment='c' followup='false'", "end",
      ])
    let own = #"<dataValueSet info="1" facility="o"><dataValue DE="a" note="n" secret="s"/></dataValueSet>"#
    let names = FieldNames(
      ignored: ["secret", "info"], renamed: ["DE": "dataElement", "note": "comment", "facility": "orgUnit"])
    #expect(
      try Self.read(own, names) == [#"begin orgUnit="o""#, "1:37 dataElement='a' comment='n'", #"end orgUnit="o""#])
  }

  @Test("2.43 writes the period at the top in the form of ADX")
  func periods() throws {
    let text =
      "<dataValueSet period='2024-01-01/P1M'>"
      + "<dataValue period='2024-04-01/P6M'/><dataValue period='2024'/></dataValueSet>"
    #expect(
      try Self.read(text) == [
        #"begin period="202401""#, "1:39 period='2024AprilS1'", "1:75 period='2024'", #"end period="202401""#,
      ])
    #expect(
      Self.problem(#"<dataValueSet period="2024-01-02/P1M"/>"#)
        == #"65 export.xml: line 1, column 1: "2024-01-02/P1M": no period of DHIS2 that lasts P1M begins on that day"#)
  }

  @Test("what is not known stops with its name and place")
  func unknown() {
    #expect(
      Self.problem("<dataValueSet>\n <dataValue dataElement='a' valu='1'/></dataValueSet>")
        == "65 export.xml: line 2, column 2: " + FieldNames.unknown("valu", "attribute"))
    #expect(
      Self.problem("<dataValueSet importStrategy='DELETE'/>")
        == "65 export.xml: line 1, column 1: at the top of the document: "
        + FieldNames.unknown("importStrategy", "attribute"))
    #expect(
      Self.problem("<dataValueSet value='1'/>")
        == "65 export.xml: line 1, column 1: " + FieldNames.misplaced("value"))
    for (text, problem) in [
      ("<dataValueSet>\n<value/></dataValueSet>", "line 2, column 1: unknown element <value> in <dataValueSet>"),
      ("<dataValueSet><dataValue><x/>", "line 1, column 26: unknown element <x> in <dataValue>"),
      (
        "<metaData/>",
        "line 1, column 1: this is not XML of values: it begins with <metaData>, not with <dataValueSet> or <adx>"
      ),
      ("<adx><dataValue/></adx>", "line 1, column 6: unknown element <dataValue> in <adx>"),
      ("<adx><group><group/></group></adx>", "line 1, column 13: unknown element <group> in <group>"),
      ("<dataValueSet>\n é</dataValueSet>", "line 2, column 2: text between elements"),
      ("<dataValueSet><dataValue>1</dataValue></dataValueSet>", "line 1, column 26: text between elements"),
      (
        "<dataValueSet><dataValue followup='true' followUp='false'/></dataValueSet>",
        "line 1, column 15: the attribute \"followup\" repeats something with another value"
      ),
    ] {
      #expect(Self.problem(text) == "65 export.xml: \(problem)")
    }
  }

  @Test("a period that stands twice, in ADX's form and the same, is one")
  func twice() throws {
    let text = """
      <dataValueSet xmlns:x='x'><dataValue period='2024-10-01/P3M' x:period='2024-10-01/P1Q'/></dataValueSet>
      """
    #expect(try Self.read(Array(text.utf8)) == ["begin", "1:27 period='2024Q4'", "end"])
  }

  // MARK: ADX

  private static let adx = """
    <adx xmlns="urn:ihe:qrph:adx:2015" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
    xsi:schemaLocation="urn:ihe:qrph:adx:2015 adx.xsd" exported="2024-02-01T00:00:00Z">
      <group dataSet="MAL" period="2024-01-01/P1M" orgUnit="OU_1" Funder="&quot;A&quot;" Project="">
        <dataValue dataElement="DE 1" Sex="F" Age="&lt;5" value="1" comment="why" followup="true"/>
        <dataValue dataElement="DE 2" value="0">
          <annotation>two\r\n <![CDATA[<lines>]]>&amp; more</annotation>
        </dataValue>
      </group>
      <group period="2024-01-01/P7D" orgUnit="OU_1" attributeOptionCombo="AOC" completeDate="2024-02-02">
        <dataValue dataElement="DE 1" categoryOptionCombo="COC" orgUnit="OU_2" value="0" deleted="true"/>
      </group>
    </adx>
    """

  private static let adxLines = [
    #"begin period="202401" orgUnit="OU_1" attributeOptionCombo={"Funder":"\"A\"","Project":""} dataSet="MAL""#,
    #"3:5 dataElement='DE 1' categoryOptionCombo={"Sex":"F","Age":"<5"} value='1' comment='why' followup='true'"#,
    "4:5 dataElement='DE 2' value='two\n <lines>& more'",
    #"end period="202401" orgUnit="OU_1" attributeOptionCombo={"Funder":"\"A\"","Project":""} dataSet="MAL""#,
    #"begin period="2024W1" orgUnit="OU_1" attributeOptionCombo="AOC" completeDate=2024-02-02"#,
    "10:5 dataElement='DE 1' orgUnit='OU_2' categoryOptionCombo='COC' value='0' deleted='true'",
    #"end period="2024W1" orgUnit="OU_1" attributeOptionCombo="AOC" completeDate=2024-02-02"#,
  ]

  @Test("reads ADX, whose other attributes are categories, in whatever pieces it comes")
  func readsADX() throws {
    for most in 1..<Self.adx.utf8.count {
      let difference = firstDifference(try Self.read(Array(Self.adx.utf8), most: most), from: Self.adxLines)
      try #require(difference == nil, "in pieces of \(most)")
    }
  }

  @Test("only ADX has codes")
  func codes() throws {
    for (text, usesCodes) in [("<adx/>", true), ("<dataValueSet/>", false)] {
      let reader = XMLReader(FieldNames(), isUTF8: true)
      var values = RecordedValues()
      try reader.read(BytesSource(Array(text.utf8)), into: &values)
      #expect(reader.usesCodes == usesCodes, "\(text)")
    }
  }

  @Test("what the user says of a name comes before what ADX makes of it")
  func adxNames() throws {
    let text =
      "<adx><group orgUnit='o' note='n'>"
      + "<dataValue DE='a' Age='5' Period='P' value='1' DataElementName='b'/></group></adx>"
    let names = FieldNames(ignored: ["note"], renamed: ["DE": "dataElement"])
    #expect(
      try Self.read(text, names) == [
        #"begin orgUnit="o""#,
        #"1:34 dataElement='a' categoryOptionCombo={"Age":"5","Period":"P","DataElementName":"b"} value='1'"#,
        #"end orgUnit="o""#,
      ])
  }

  @Test("what ADX does not allow stops")
  func adxProblems() {
    func value(_ inside: String) -> String { "<adx><group orgUnit='o'>\n\(inside)</group></adx>" }
    for (text, problem) in [
      (
        value("<dataValue categoryOptionCombo='a' Age='5'/>"),
        "line 2, column 1: both categoryOptionCombo and categories say what the category option combo is"
      ),
      (
        "<adx><group attributeOptionCombo='a' Age='5'/></adx>",
        "line 1, column 6: both attributeOptionCombo and categories say what the attribute option combo is"
      ),
      (
        value("<dataValue value='3'><annotation>x</annotation></dataValue>"),
        "line 2, column 1: a value that has both a number and an annotation: which one is it?"
      ),
      (
        value("<dataValue value='0'><annotation/>\n<annotation/></dataValue>"),
        "line 3, column 1: a value with two annotations"
      ),
      (
        value("<dataValue><annotation><b/></annotation></dataValue>"),
        "line 2, column 24: unknown element <b> in <annotation>"
      ),
      (value("<dataValue><comment/></dataValue>"), "line 2, column 12: unknown element <comment> in <dataValue>"),
      (
        value("<dataValue><annotation lang='fr'/></dataValue>"),
        "line 2, column 12: " + FieldNames.unknown("lang", "attribute")
      ),
      ("<adx version='2'/>", "line 1, column 1: " + FieldNames.unknown("version", "attribute")),
      (
        "<adx><group comment='draft'/></adx>",
        "line 1, column 6: " + FieldNames.misplaced("comment")
      ),
    ] {
      #expect(Self.problem(text) == "65 export.xml: \(problem)")
    }
  }

  // MARK: XML itself

  @Test("a text that is not XML stops at its place")
  func noXML() {
    for (text, problem) in [
      ("", "line 1, column 1: the XML ends early: the file is cut off"),
      ("<dataValueSet>\n<dataValue value='1'/>\n<dataVal", "line 3, column 1: the XML ends early: the file is cut off"),
      ("<dataValueSet>\n</adx>", "line 2, column 3: an end tag that does not belong to the element that is open"),
      ("<adx/>\n<adx/>", "line 2, column 1: there is something after the end of the document"),
      ("<dataValueSet period='1' period='2'/>", "line 1, column 26: an attribute is there twice"),
      (
        "<dataValueSet>&eacute;</dataValueSet>",
        "line 1, column 15: an entity that XML does not have: write the character itself"
      ),
      ("<dataValueSet dataSet='a<b'/>", "line 1, column 25: this is not XML (not well-formed (invalid token))"),
      ("<dataValueSet comment='&#0;'/>", "line 1, column 24: this is not XML (reference to invalid character number)"),
      (
        "<!DOCTYPE a [<!ENTITY b 'c'>]>\n<dataValueSet/>",
        "line 1, column 1: a document type (DOCTYPE) is not read: remove it"
      ),
      (
        "<!DOCTYPE html>\n<html/>",
        "line 1, column 1: this is a web page, not data: was it saved before signing in?"
      ),
    ] {
      let message = Self.problem(text)
      let place = problem.prefix { $0 != ":" }
      // Expat's place of a document type is that of its end.
      let isDoctype = text.hasPrefix("<!DOCTYPE")
      #expect(isDoctype ? message.hasSuffix(problem.dropFirst(place.count)) : message == "65 export.xml: \(problem)")
    }
  }

  @Test("each cut of a document ends early")
  func cut() {
    let text = Array(Self.adx.utf8)
    for length in 0..<text.count {
      let message = failure { _ = try Self.read(Array(text[..<length])) }
      #expect(message.hasSuffix("the XML ends early: the file is cut off"), "cut at \(length): \(message)")
    }
  }

  @Test("encodings: the one that the XML names, unless the text was decoded before")
  func encodings() throws {
    func text(_ encoding: String) -> [UInt8] {
      Array("<?xml version='1.0' encoding='\(encoding)'?>\n<dataValueSet><dataValue comment='".utf8) + [0xE9, 0x80]
        + Array("'/></dataValueSet>".utf8)
    }
    #expect(try Self.read(text("windows-1252")) == ["begin", "2:15 comment='é€'", "end"])
    #expect(try Self.read(text("ISO-8859-1")) == ["begin", "2:15 comment='é\u{80}'", "end"])
    #expect(
      failure { _ = try Self.read(text("UTF-8")) } == "65 export.xml: line 2, column 35: \(EncodedSource.notUTF8)")
    #expect(
      failure { _ = try Self.read(text("klingon")) }
        == "65 export.xml: line 1, column 31: the XML names an unknown encoding: "
        + "say which one it is, by --encoding"
    )
    let decoded = "<?xml version='1.0' encoding='UTF-16'?><dataValueSet><dataValue comment='é'/></dataValueSet>"
    #expect(try Self.read(Array(decoded.utf8), isUTF8: true) == ["begin", "1:54 comment='é'", "end"])
    #expect(
      failure { _ = try Self.read(Array(decoded.utf8)) }
        == "65 export.xml: line 1, column 31: the XML is not in the encoding that it names")
  }

  @Test("something endless stops before it fills the memory", arguments: ["<dataValueSet><!--", "<dataValueSet a='"])
  func endless(start: String) {
    let text = Array(start.utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 20 << 20)
    #expect(
      failure { _ = try Self.read(text) }
        .hasSuffix("something that is longer than 16 MiB"))
    let annotation =
      Array("<adx><group><dataValue><annotation>".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 20 << 20)
    #expect(
      failure { _ = try Self.read(annotation) }.hasSuffix("an annotation that is longer than 16 MiB"))
  }

  @Test("any values that are written are read", arguments: 0..<20 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let fields: [ValueField] = [.dataElement, .orgUnit, .value, .storedBy, .comment]
    var text = "<dataValueSet>"
    var expected = ["begin"]
    for _ in 0..<Int.random(in: 1...300, using: &random) {
      let line = text.utf8.count { $0 == 0x0A } + 1
      let column = text.utf8.reversed().prefix { $0 != 0x0A }.count + 1
      let texts = fields.map { _ in
        String(
          (0..<Int.random(in: 1...30, using: &random)).map { _ in Self.characters.randomElement(using: &random)! })
      }
      let attributes = zip(fields, texts).map { "\($0.key)=\"\(Self.escaped($1))\"" }
      text += "<dataValue " + attributes.joined(separator: ["\n", " ", "\r\n"].randomElement(using: &random)!) + "/>\n"
      expected.append("\(line):\(column) " + zip(fields, texts).map { "\($0)='\($1)'" }.joined(separator: " "))
    }
    text += "</dataValueSet>"
    expected.append("end")
    for most in [Int.max, 1 << 14, Int.random(in: 1...500, using: &random)] {
      #expect(firstDifference(try Self.read(Array(text.utf8), most: most), from: expected) == nil, "pieces of \(most)")
    }
  }

  private static let characters = "ab é€😀<>&'\"\n\t"

  private static func escaped(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      switch scalar {
      case "<", ">", "&", "'", "\"", "\n", "\t": "&#\(scalar.value);"
      default: String(scalar)
      }
    }.joined()
  }

  // MARK: Real files

  @Test(
    "what DHIS2's own tests read is read",
    .enabled(if: RealFiles.isThere, "D2_REAL_DATA does not name a folder of real files"))
  func real() throws {
    let dxf = try Self.read(try RealFiles.bytes("datavaluesets-xml-csv/dhis2-dhis2-core__dataValueSetB.xml"))
    #expect(dxf.count == 14)
    #expect(
      dxf.dropFirst().first
        == "2:5 dataElement='f7n9E0hX8qk' period='201201' orgUnit='DiszpKrYNg8' value='10001' storedBy='john' "
        + "lastUpdated='2012-01-01' comment='comment' followup='false'")
    let adx = try Self.read(try RealFiles.bytes("datavaluesets-xml-csv/dhis2-dhis2-core__exportA.adx.xml"))
    #expect(
      adx == [
        #"begin period="202001" orgUnit="123" dataSet="MalariaDS""#,
        "3:9 dataElement='Malaria numeric' "
          + #"categoryOptionCombo={"Age_category":"under555555","Sex_category":"FFFFFFFFFFF"} value='1'"#,
        #"end period="202001" orgUnit="123" dataSet="MalariaDS""#,
        #"begin period="202002" orgUnit="123" dataSet="MalariaDS""#,
        "6:9 dataElement='Malaria text' value='Some text'",
        #"end period="202002" orgUnit="123" dataSet="MalariaDS""#,
      ])
  }
}
