import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-convert: wide sheets and names", .waiting)
struct ConvertWideTests {
  @Test("a cell is a value: units in rows and elements in columns, or periods, the rest by options")
  func reads() {
    let shell = Shell()
    shell.write("elements", "unit;a;b.c;\nu1;1;2;\nu2;;3;\n;;;\n")
    shell.write("elements-uid", "orgUnit,orgunitname,DeAaaaaaaaa,DeBbbbbbbbb.CoCcccccccc\nu1,\"One, 1\",1,2\n")
    shell.write("periods", "orgUnit,Jan-24,Feb-24\nu1,5,6\n")
    let outcome = shell.run(
      """
      d2-convert --wide orgUnit,dataElement --period 202401 elements | jq -c '[.orgUnit,.dataElement,.period,.value]'
      d2-convert --wide orgUnit×dataElement --period 202401 elements-uid | jq -c '[.orgUnit,.dataElement,.categoryOptionCombo,.value]'
      d2-convert --wide orgUnitxperiod --data-element a --period-type Monthly periods | jq -c '[.orgUnit,.dataElement,.period,.value]'
      """)
    #expect(
      outcome.lines == [
        #"["u1","a","202401","1"]"#, #"["u1","b.c","202401","2"]"#, #"["u2","b.c","202401","3"]"#,
        #"["u1","DeAaaaaaaaa",null,"1"]"#, #"["u1","DeBbbbbbbbb","CoCcccccccc","2"]"#,
        #"["u1","a","202401","5"]"#, #"["u1","a","202402","6"]"#,
      ], "\(outcome.errors)")
  }

  private static let faults: [(text: String, options: String, says: String)] = [
    ("unit,a\nu,1\n", "orgUnit,dataElement", "line 2, column 3: no \"period\""),
    (
      "unit,a,a\nu,1,2\n", "orgUnit,dataElement --period 2024",
      "line 1, column 8: \"a\" is the head of an earlier column"
    ),
    ("unit,a\n,1\n", "orgUnit,dataElement --period 2024", "line 2, column 1: the row has values, but no orgUnit"),
    ("unit,a,\nu,1,2\n", "orgUnit,dataElement --period 2024", "line 2, column 5: there is a value in a column without"),
    ("unit,a\nu,1,2\n", "orgUnit,dataElement --period 2024", "line 2, column 5: the row has more cells"),
    ("unit,Jan-24\nu,1\n", "orgUnit,period --data-element a", "line 1, column 6: \"Jan-24\" is a date"),
    (
      "unit,period,a\nu,202401,1\n", "orgUnit,dataElement --period 2024",
      "line 1, column 6: there is no dataElement \"period\": leave the column out (--ignore-columns period)"
    ),
    ("unit,total\nu,1\n", "orgUnit,period --data-element a", "line 1, column 6: \"total\" is not a period"),
  ]

  @Test("what is odd in a sheet is named by its cell", arguments: faults)
  func oddities(text: String, options: String, says: String) {
    let shell = Shell()
    shell.write("in", text)
    let outcome = shell.run("d2-convert --wide \(options) in")
    #expect(outcome.status == 65, "\(outcome.output)")
    #expect(outcome.errors.contains("in: \(says)"), "\(outcome.errors)")
  }

  @Test("and back: a sheet of values; two values for a cell, and two periods, are refused")
  func writes() {
    let shell = Shell()
    shell.write(
      "in",
      #"""
      {"dataElement":"DeAaaaaaaaa","period":"202401","orgUnit":"u1","value":"1"}
      {"dataElement":"DeBbbbbbbbb","period":"202401","orgUnit":"u1","categoryOptionCombo":"CoCcccccccc","value":"2","comment":"x"}
      {"dataElement":"DeBbbbbbbbb","period":"202401","orgUnit":"u2","categoryOptionCombo":"CoCcccccccc","value":"3,5"}

      """#)
    let outcome = shell.run("d2-convert --to csv --wide orgUnit,dataElement in")
    #expect(
      outcome.output == """
        orgUnit,DeAaaaaaaaa,DeBbbbbbbbb.CoCcccccccc
        u1,1,2
        u2,,"3,5"

        """, "\(outcome.errors)")
    #expect(outcome.errors.contains("comment left out of 1 value"), "\(outcome.errors)")
    let back = shell.run(
      "d2-convert --to csv --wide orgUnit,dataElement in | d2-convert --wide orgUnit,dataElement --period 202401 | cmp - <(jq -c 'del(.comment)' in) && echo same"
    )
    #expect(back.lines == ["same"], "\(back.errors)")
    let twice = shell.run("cat in in | d2-convert --to csv --wide orgUnit,dataElement")
    #expect(twice.status == 65)
    #expect(twice.errors.contains("a second value for \"u1\" and \"DeAaaaaaaaa\""), "\(twice.errors)")
    let periods = shell.run(
      "{ cat in; head -1 in | sed s/202401/202402/; } | d2-convert --to csv --wide orgUnit,dataElement")
    #expect(periods.status == 65)
    #expect(periods.errors.contains("period is \"202402\", and \"202401\" before"), "\(periods.errors)")
  }

  @Test("deleted values get no cells, and are counted")
  func deleted() {
    let shell = Shell()
    shell.write(
      "in",
      #"""
      {"dataElement":"a","period":"202401","orgUnit":"u","value":"1"}
      {"dataElement":"b","period":"202402","orgUnit":"u","value":"2","comment":"c","deleted":true}

      """#)
    let outcome = shell.run("d2-convert --to csv --wide orgUnit,dataElement in")
    #expect(outcome.lines == ["orgUnit,a", "u,1"], "\(outcome.output)")
    #expect(
      outcome.errors == """
        d2-convert: 1 deleted value left out: a wide sheet has no place for them
        d2-convert: 2 values converted

        """)
  }

  @Test("names stand beside ids, are read over, and are looked up where they stand for ids")
  func names() throws {
    let world = try World(values: 200)
    let outcome = world.run(
      """
      d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --start-date 2022-01-01 --end-date 2022-12-31 --quiet |
        jq -c 'select(.deleted != true)' | head -20 > values
      d2-convert --to csv --names --url $SRC values > named.csv; echo $?
      head -1 named.csv
      d2-convert named.csv > again; cmp <(jq -c '[.dataElement,.orgUnit,.value]' values) <(jq -c '[.dataElement,.orgUnit,.value]' again) && echo same
      unit=$(curl -s -u admin:district "$SRC/api/organisationUnits?fields=id,name&paging=false" | jq -r '.organisationUnits[3].name')
      id=$(curl -s -u admin:district "$SRC/api/organisationUnits?fields=id,name&paging=false" | jq -r '.organisationUnits[3].id')
      element=$(jq -r .dataElement values | head -1)
      printf 'unit,%s\\n%s,5\\n' "$element" "$unit" > sheet
      d2-convert --wide orgUnit,dataElement --period 202201 --url $SRC sheet | jq -r .orgUnit | cmp - <(echo $id) && echo found
      printf 'unit,%s\\n%sx,5\\n' "$element" "$unit" > sheet
      d2-convert --wide orgUnit,dataElement --period 202201 --url $SRC sheet; echo $?
      d2-convert --to csv --names values; echo $?
      """)
    #expect(
      outcome.lines == [
        "0",
        "dataelement,dataelementname,period,orgunit,orgunitname,categoryoptioncombo,categoryoptioncomboname,attributeoptioncombo,attributeoptioncomboname,value,storedby,lastupdated,comment,followup,deleted",
        "same", "found", "65", "64",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("sheet: line 2, column 1: no organisation unit is called"), "\(outcome.errors)")
    #expect(outcome.errors.contains("did you mean"), "\(outcome.errors)")
    #expect(outcome.errors.contains("--names needs to know whose names"), "\(outcome.errors)")
  }
}
