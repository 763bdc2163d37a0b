import Testing
import WaitingTests

@Suite("d2-convert: tables", .waiting)
struct ConvertCSVTests {
  private static let line =
    #"{"dataElement":"a","period":"202401","orgUnit":"u","categoryOptionCombo":"c","attributeOptionCombo":"d","value":"é 1"}"#

  /// The head of DHIS2's own CSV.
  private static let columns =
    "dataelement,period,orgunit,categoryoptioncombo,attributeoptioncombo,value,storedby,lastupdated,comment,followup,"
    + "deleted"

  /// How a table is saved: each of these is the same value.
  private static let spellings: [(bytes: String, options: String)] = [
    (#"dataelement,period,orgunit,categoryoptioncombo,attributeoptioncombo,value\na,202401,u,c,d,é 1\n"#, ""),
    (#"dataelement,period,orgunit,catoptcombo,attroptcombo,value\na,202401,u,c,d,é 1"#, ""),
    (
      #"\xEF\xBB\xBFData Element;Period;Org_Unit;CategoryOptionCombo;attributeOptionCombo;value\r\na;202401;u;c;d;é 1\r\n"#,
      ""
    ),
    (#"value\tdataElement\tperiod\torgUnit\tcategoryOptionCombo\tattributeOptionCombo\né 1\ta\t202401\tu\tc\td\n"#, ""),
    (
      #"sep=;\r\n"dataElement";"period";"orgUnit";"catoptcombo";"attroptcombo";"value"\r\n"a";"202401";"u";"c";"d";"é 1"\r\n"#,
      ""
    ),
    (
      #"sep=\t\r\ndataElement\tperiod\torgUnit\tcatoptcombo\tattroptcombo\tvalue\r\na\t202401\tu\tc\td\té 1\r\n"#,
      ""
    ),
    (#"dataElement,period,orgUnit,catoptcombo,attroptcombo,value,,\na,202401,u,c,d,é 1,,\n,,,,,,,\n"#, ""),
    (#"a,202401,u,c,d,é 1\n"#, "--no-header"), (#"a;202401;u;c;d;é 1;;;;;\n"#, "--no-header"),
    (#"dataelement|period|orgunit|catoptcombo|attroptcombo|value\na|202401| u |c|d|é 1\n"#, "--separator '|'"),
    (
      #"dataelement,dataelementname,period,orgunit,orgunitname,catoptcombo,attroptcombo,value\na,"A, b",202401,u,U,c,d,é 1\n"#,
      ""
    ),
    (#"dataelement,period,orgunit,catoptcombo,attroptcombo,value\na,Jan-24,u,c,d,é 1\n"#, "--period-type Monthly"),
    (#"dataelement,period,orgunit,catoptcombo,attroptcombo,value\na,2024-01-01,u,c,d,é 1\n"#, "--period-type Monthly"),
    (#"dataelement,period,orgunit,catoptcombo,attroptcombo,value\na,45292,u,c,d,é 1\n"#, "--period-type Monthly"),
    (#"dataelement,orgunit,catoptcombo,attroptcombo,value\na,u,c,d,é 1\n"#, "--period 202401"),
  ]

  @Test("as DHIS2 writes it, as its documentation has it, as spreadsheets save it", arguments: spellings)
  func saved(bytes: String, options: String) {
    let shell = Shell()
    let outcome = shell.run("printf '\(bytes.replacing("\"", with: "\\\""))' > in; d2-convert \(options) in")
    #expect(outcome.output == Self.line + "\n", "\(bytes): \(outcome.errors)")
    #expect(outcome.status == 0)
    // In other encodings, and through a pipe.
    for encoding in ["UTF-16", "UTF-16LE", "UTF-16BE", "WINDOWS-1252"] where !bytes.hasPrefix("\\x") {
      let named = encoding == "WINDOWS-1252" ? "--encoding windows-1252" : ""
      let other = shell.run("iconv -t \(encoding) in | d2-convert \(named) \(options)")
      #expect(other.output == Self.line + "\n", "\(encoding): \(bytes): \(other.errors)")
    }
  }

  @Test("all columns of DHIS2, cells with separators, quotes and line breaks: as they stand")
  func cells() {
    let shell = Shell()
    shell.write(
      "in",
      #"""
      dataelement,period,orgunit,categoryoptioncombo,attributeoptioncombo,value,storedby,lastupdated,comment,followup,deleted
      a,202401,u,c,d,"1,5 ""x""",admin,2024-02-01T00:00:00.000+0000,"line 1
      line 2\",TRUE,false
      a,202402,u,c,d, 7 ,,,,,null

      """#)
    let outcome = shell.run("d2-convert in")
    let combos = #""orgUnit":"u","categoryOptionCombo":"c","attributeOptionCombo":"d""#
    let first =
      #"{"dataElement":"a","period":"202401",\#(combos),"value":"1,5 \"x\"","storedBy":"admin","#
      + #""lastUpdated":"2024-02-01T00:00:00.000+0000","comment":"line 1\nline 2\\","followup":true,"deleted":false}"#
    let second = #"{"dataElement":"a","period":"202402",\#(combos),"value":" 7 "}"#
    #expect(outcome.lines == [first, second], "\(outcome.errors)")
  }

  private static let head = "dataelement,period,orgunit,value\n"
  private static let faults: [(text: String, says: String)] = [
    (
      "dataelement,period,orgunit,valu\na,2024,u,1\n",
      "line 1, column 28: unknown column \"valu\": leave it out (--ignore-columns valu) or say what it is (--rename valu=value)"
    ),
    ("dataelement,period,orgunit,value,value\n", "line 1, column 34: the column \"value\" is there twice"),
    ("dataelement,period,value\n", "line 1, column 1: no column \"orgunit\""),
    ("a,202401,u,1\nb,202401,u,2\n", "line 1, column 1: unknown column \"a\""),
    (head + "a,202401,u\n", "line 2, column 10: the row has 3 cells, but there are 4 columns"),
    (head + "a,202401,u,1,2\n", "line 2, column 14: the row has 5 cells, but there are 4 columns"),
    (head + "a,202401,u,\"1\n", "line 2, column 12: a quote is not closed"),
    (head + "a,202401,u,\"1\"x\n", "line 2, column 15: there is something after a closing quote: 'x'"),
    (head + "a,202401,u,1\"\n", "line 2, column 13: there is a quote inside a cell"),
    (
      head + "a,202401,u,\"x\ny\"\na,Jan-24,u,1\n",
      "line 4, column 3: \"Jan-24\" is a date, which spreadsheets make of periods"
    ),
    (head + "a,2024-01-01,u,1\n", "line 2, column 3: \"2024-01-01\" is a date"),
    (head + "a,nonsense,u,1\n", "line 2, column 3: \"nonsense\" is not a period"),
    (head + "a,,u,1\n", "line 2, column 1: no \"period\""),
    ("dataelement,period,orgunit,value,deleted\na,2024,u,1,yes\n", "\"deleted\" is neither true nor false"),
    (
      "dataelement,period,orgunit,value,\na,2024,u,1,x\n",
      "line 2, column 12: there is a value in a column without a name"
    ),
    (head + "a,2024,u,1\n\u{FEFF}a,2024,u,2\n", "line 3, column 1: a byte order mark: another file begins here"),
    (head + "a,2024,u,1\rb,2024,u,2\r", "a carriage return without a line feed"),
  ]

  @Test("a column, a cell, a row that is odd: named by its place, and nothing behind it is read", arguments: faults)
  func oddities(text: String, says: String) {
    let shell = Shell()
    shell.write("in", text + "a,202409,u,never\n")
    let outcome = shell.run("d2-convert in")
    #expect(outcome.status == 65, "\(text): \(outcome.output)")
    #expect(outcome.errors.hasPrefix("d2-convert: in: "), "\(outcome.errors)")
    #expect(outcome.errors.contains(says), "\(outcome.errors)")
    #expect(!outcome.output.contains("never"), "\(outcome.output)")
  }

  @Test("a cell of white space in the place of an id is an empty one, and a zero byte in a value survives")
  func blanks() {
    let shell = Shell()
    shell.write("in", "dataelement,period,orgunit,categoryoptioncombo,value\na,2024,u, \t,1\n")
    let value = #"{"dataElement":"a","period":"2024","orgUnit":"u","value":"1"}"#
    #expect(shell.run("d2-convert in").lines == [value])
    #expect(shell.run("d2-convert --category-option-combo c in | jq -r .categoryOptionCombo").lines == ["c"])
    shell.write("empty", "dataelement,period,orgunit,value\n ,2024,u,1\n")
    #expect(shell.run("d2-convert empty").errors == "d2-convert: empty: line 2, column 1: no \"dataElement\"\n")
    let zero = #"{"dataElement":"a","period":"2024","orgUnit":"u","value":"x\u0000y"}"#
    shell.write("zero", zero + "\n")
    let back = shell.run("d2-convert --to csv zero | d2-convert")
    #expect(back.lines == [zero], "\(back.errors)")
  }

  @Test("a value that CSV cannot hold is named, and no part of its row is written")
  func unwritable() {
    let shell = Shell()
    for (member, says) in [
      (#""value":"\ud800""#, "\"value\" holds half of a character"),
      (
        #""attributeOptionCombo":null,"value":"1""#,
        "\"attributeOptionCombo\" is null or empty, which in CSV would mean"
      ),
      (#""categoryOptionCombo":"","value":"1""#, "\"categoryOptionCombo\" is null or empty"),
      (#""categoryOptionCombo":{"A":"b"},"value":"1""#, "\"categoryOptionCombo\" is given by categories"),
    ] {
      let first = #"{"dataElement":"a","period":"2024","orgUnit":"u","value":"1"}"#
      shell.write("in", first + "\n" + #"{"dataElement":"b","period":"2024","orgUnit":"u",\#(member)}"# + "\n")
      let outcome = shell.run("d2-convert --to csv in")
      #expect(outcome.status == 65, "\(outcome.output)")
      #expect(outcome.errors.hasPrefix("d2-convert: in: line 2, column 1: \(says)"), "\(outcome.errors)")
      #expect(outcome.lines == [Self.columns, "a,2024,u,,,1,,,,,"], "\(outcome.output)")
      let wide = shell.run("d2-convert --to csv --wide orgUnit,dataElement in")
      #expect(wide.status == 65, "\(wide.output)")
      #expect(wide.errors.hasPrefix("d2-convert: in: line 2, column 1: \(says)"), "\(wide.errors)")
    }
  }

  @Test("bytes that are not UTF-8 stop with the place and what to type")
  func encodings() {
    let shell = Shell()
    let outcome = shell.run(#"printf 'dataelement,period,orgunit,value\na,2024,u,\xE9t\xE9\n' > in; d2-convert in"#)
    #expect(outcome.status == 65)
    #expect(
      outcome.errors
        == "d2-convert: in: line 2, column 10: byte 0xe9 is not UTF-8: if Excel saved this file, say --encoding windows-1252\n"
    )
    let named = shell.run("d2-convert --encoding windows-1252 in")
    #expect(named.output.contains(#""value":"été""#), "\(named.errors)")
    let unknown = shell.run("d2-convert --encoding klingon in")
    #expect(unknown.status == 64, "\(unknown.errors)")
  }

  @Test("commas in numbers stay, and are said, unless they are decimal marks")
  func decimals() {
    let shell = Shell()
    shell.write("in", "dataelement;period;orgunit;value\na;2024;u;12,5\na;2023;u;-0,25\na;2022;u;x, y\n")
    let kept = shell.run("d2-convert in | jq -r .value")
    #expect(kept.lines == ["12,5", "-0,25", "x, y"])
    #expect(
      kept.errors.contains("2 values with a comma as in 12,5: --decimal-comma reads it as 12.5"), "\(kept.errors)")
    let read = shell.run("d2-convert --decimal-comma in | jq -r .value")
    #expect(read.lines == ["12.5", "-0.25", "x, y"], "\(read.errors)")
    shell.write("in", "dataelement;period;orgunit;value\na;2024;u;1.000,5\n")
    let odd = shell.run("d2-convert --decimal-comma in")
    #expect(odd.status == 65)
    #expect(odd.errors.contains("line 2, column 10: \"1.000,5\" is not a number with a decimal comma"), "\(odd.errors)")
  }

  @Test("out as DHIS2 imports it, and back byte for byte; created is said to be left out, or added")
  func roundTrip() {
    let shell = Shell()
    let times = #""created":"2024-01-01T00:00:00.000+0000","lastUpdated":"2024-02-01T00:00:00.000+0000""#
    let ids = #""dataElement":"a","period":"202401","orgUnit":"u","categoryOptionCombo":"c","attributeOptionCombo":"d""#
    shell.write(
      "in",
      #"""
      {\#(ids),"value":"1","storedBy":"s",\#(times),"comment":"a, \"b\"\nc","followup":true,"deleted":true}
      {"dataElement":"a","period":"202402","orgUnit":"u","value":" x ","followup":false}

      """#)
    let table = shell.run("d2-convert --to csv in")
    #expect(
      table.output == #"""
        \#(Self.columns)
        a,202401,u,c,d,1,s,2024-02-01T00:00:00.000+0000,"a, ""b""
        c",true,true
        a,202402,u,,," x ",,,,false,

        """#, "\(table.errors)")
    #expect(table.errors.contains("created left out of 1 value"), "\(table.errors)")
    #expect(table.errors.contains("1 value with quotes or line breaks: DHIS2 2.43 reads them wrong"), "\(table.errors)")
    let back = shell.run("d2-convert --to csv --columns created in | d2-convert | cmp - in && echo same")
    #expect(back.lines == ["same"], "\(back.errors)")
    let document = shell.run("d2-convert --to document in | d2-convert | cmp - in && echo same")
    #expect(document.lines == ["same"], "\(document.errors)")
  }

  @Test("spreadsheets' own files are named for what they are")
  func workbooks() {
    let shell = Shell()
    let outcome = shell.run(
      #"""
      python3 -c 'import zipfile; zipfile.ZipFile("a.xlsx", "w").writestr("[Content_Types].xml", "<Types/>")'
      d2-convert a.xlsx; echo $?; printf '\xD0\xCF\x11\xE0rest' | d2-convert; echo $?; d2-convert nowhere.csv; echo $?
      """#)
    #expect(outcome.lines == ["65", "65", "74"], "\(outcome.errors)")
    #expect(outcome.errors.contains("a.xlsx: this is an Excel workbook (.xlsx): save it"), "\(outcome.errors)")
    #expect(outcome.errors.contains("this is an old Excel file (.xls)"), "\(outcome.errors)")
    #expect(outcome.errors.contains("cannot read nowhere.csv: No such file or directory"), "\(outcome.errors)")
    let nested = shell.run(
      #"""
      echo '{}' | gzip > a.json.gz; python3 -c 'import zipfile; z = zipfile.ZipFile("a.zip", "w"); z.write("a.json.gz")'
      d2-convert a.zip; echo $?
      """#)
    #expect(nested.lines == ["65"])
    #expect(
      nested.errors == "d2-convert: a.zip (a.json.gz): line 1, column 1: this is gzip inside of another file: "
        + "unpack that one first\n")
  }
}
