import D2Common
import Testing

@testable import d2_push
import D2Client

@Suite("ConflictMatcher")
struct ConflictMatcherTests {
  /// A conflict as a server was seen to write it, the value that it is about, and one that it is not about.
  struct Case: Sendable, CustomTestStringConvertible {
    let json: String
    /// The matcher's result for the invalid value.
    let guilty: Bool?
    /// The matcher's result for the valid one.
    let innocent: Bool?
    let value: String
    let isAboutID: Bool

    init(_ json: String, _ guilty: Bool?, _ innocent: Bool?, _ value: String = "{}", isAboutID: Bool = false) {
      self.json = json
      self.guilty = guilty
      self.innocent = innocent
      self.value = value
      self.isAboutID = isAboutID
    }

    var testDescription: String { json }
  }

  /// The members of the invalid value take the place of these.
  static let innocent =
    #"{"dataElement":"RecDeOther1","period":"202312","orgUnit":"RecOuOther1","categoryOptionCombo":"RecCocOthr1","attributeOptionCombo":"RecAocOthr1","value":"7"}"#

  static func ids(_ value: String) throws -> ValueIDs {
    var members = try #require(try JSONValue(parsing: innocent).members)
    for member in try JSONValue(parsing: value).members ?? [] {
      members.removeAll { $0.key == member.key || $0.value == .null }
      if member.value != .null { members.append(member) }
    }
    return ValueIDs(
      ArraySlice(Array(JSONValue.object(members).text.utf8)), defaultCombo: "HllvX50cXC0", DataValueLine.Scratch())
  }

  /// 2.40 and 2.42 use the same texts.
  static let upTo242 = [
    Case(
      #"{"object":"Nonexisten1","value":"Data set not found or not accessible"}"#, true, false,
      #"{"dataSet":"Nonexisten1"}"#, isAboutID: true),
    Case(
      #"{"object":"RecOuFacB01","value":"Organisation unit is not in hierarchy of user: clerk"}"#, true, false,
      #"{"orgUnit":"RecOuFacB01"}"#),
    Case(
      #"{"object":"Nonexisten1","value":"Organisation unit not found or not accessible"}"#, true, false,
      #"{"orgUnit":"Nonexisten1"}"#, isAboutID: true),
    Case(#"{"object":"nonsense","value":"Period not valid"}"#, true, false, #"{"period":"nonsense"}"#),
    Case(
      #"{"object":"Nonexisten1","objects":{"dataSet":"Nonexisten1"},"errorCode":"E7600","value":"Data set not found or not accessible: `Nonexisten1`"}"#,
      true, false, #"{"dataSet":"Nonexisten1"}"#),
    Case(
      #"{"object":"Nonexisten1","objects":{"dataElement":"Nonexisten1"},"errorCode":"E7610","value":"Data element not found or not accessible: `Nonexisten1`"}"#,
      true, false, #"{"dataElement":"Nonexisten1"}"#, isAboutID: true),
    Case(
      #"{"object":"2024-13","objects":{"period":"2024-13"},"errorCode":"E7611","value":"Period not valid: `2024-13`"}"#,
      true, false,
      #"{"period":"2024-13"}"#, isAboutID: true),
    Case(
      #"{"object":"Nonexisten1","objects":{"organisationUnit":"Nonexisten1"},"errorCode":"E7612","value":"Organisation unit not found or not accessible: `Nonexisten1`"}"#,
      true, false, #"{"orgUnit":"Nonexisten1"}"#, isAboutID: true),
    Case(
      #"{"object":"Nonexisten1","objects":{"categoryOptionCombo":"Nonexisten1"},"errorCode":"E7613","value":"Category option combo not found or not accessible for writing data: `Nonexisten1`"}"#,
      true, false, #"{"categoryOptionCombo":"Nonexisten1"}"#, isAboutID: true),
    Case(
      #"{"object":"RecOuFacO01","objects":{"organisationUnit":"RecOuFacO01","user":"M5zQapPyTZI"},"errorCode":"E7617","value":"Organisation unit: `RecOuFacO01` not in hierarchy of current user: `M5zQapPyTZI`"}"#,
      true, false, #"{"orgUnit":"RecOuFacO01"}"#),
    Case(
      #"{"object":"RecDeInt001","objects":{"dataElement":"RecDeInt001"},"errorCode":"E7618","value":"Data value or comment not specified for data element: `RecDeInt001`"}"#,
      true, false, #"{"dataElement":"RecDeInt001"}"#),
    Case(
      #"{"object":"RecDeInt001","objects":{"dataElement":"RecDeInt001","value":"value_not_integer"},"errorCode":"E7619","value":"Value must match value type of data element `RecDeInt001`: `Data value is not an integer`"}"#,
      true, false, #"{"dataElement":"RecDeInt001"}"#),
    Case(
      #"{"object":"RecDeOpt001","objects":{"dataElement":"RecDeOpt001"},"errorCode":"E7621","value":"Data value is not a valid option of the data element option set: `RecDeOpt001`"}"#,
      true, false, #"{"dataElement":"RecDeOpt001"}"#),
    Case(
      #"{"object":"2024Q1","objects":{"period":"2024Q1","dataElement":"RecDeInt001"},"errorCode":"E7632","value":"Period type of period: `2024Q1` not valid for data element: `RecDeInt001`"}"#,
      true, false, #"{"period":"2024Q1","dataElement":"RecDeInt001"}"#),
    // Both must be it: one of the two alone is not enough.
    Case(
      #"{"object":"2024Q1","objects":{"period":"2024Q1","dataElement":"RecDeInt001"},"errorCode":"E7632","value":"Period type of period: `2024Q1` not valid for data element: `RecDeInt001`"}"#,
      false, false, #"{"period":"2024Q1"}"#),
    Case(
      #"{"object":"RecOuFacB02","objects":{"organisationUnit":"RecOuFacB02","dataElement":"RecDeInt001"},"errorCode":"E7636","value":"Data element: `RecDeInt001` must be assigned through data sets to organisation unit: `RecOuFacB02`"}"#,
      true, false, #"{"orgUnit":"RecOuFacB02","dataElement":"RecDeInt001"}"#),
    Case(
      #"{"object":"202401","objects":{"period":"202401","dataSet":"RecDsLock01"},"errorCode":"E7640","value":"Current date is past expiry days for period: `202401`  and data set: `RecDsLock01`"}"#,
      true, false, #"{"period":"202401"}"#),
    Case(
      #"{"object":"203001","objects":{"period":"203001","dataElement":"RecDeInt001","dataSet":"RecDsMonth1"},"errorCode":"E7641","value":"Period: `203001` is after latest open future period: `202610` for data element: `RecDeInt001` and data set: `RecDsMonth1`"}"#,
      true, false, #"{"period":"203001","dataElement":"RecDeInt001"}"#),
    // The object is the wrong text, not an id, so it names no value.
    Case(
      #"{"object":"comment_length_greater_than_max_length","objects":{"comment":"comment_length_greater_than_max_length"},"errorCode":"E7620","value":"Invalid comment: Comment is greater than max length"}"#,
      false, false),
    Case(
      #"{"object":"stored_by_length_greater_than_max_length","objects":{"storedBy":"stored_by_length_greater_than_max_length"},"errorCode":"E7637","value":"Invalid storedBy: Stored by is greater than max length"}"#,
      false, false),
    // Up to 2.36 the object may be the value's text.
    Case(
      #"{"object":"40L","value":"Data value is not a positive integer, must match data element type: vANAXwtLwcT"}"#,
      true, false, #"{"value":"40L"}"#),
  ]

  static let from243 = [
    Case(
      #"{"errorCode":"E8000","value":"Atomic mode requires all values to be valid but only 1/2 were. First issue: Value #1 value `many` is no valid INTEGER: value_not_integer"}"#,
      nil, nil, #"{"value":"many"}"#),
    Case(
      #"{"errorCode":"E8002","value":"Data set detection failed, found multiple sets: `[RecDsMonth1, RecDsTwo001]`"}"#,
      nil, nil),
    Case(#"{"errorCode":"E8010","value":"Current user cannot enter data for data set: `RecDsPriv01`"}"#, true, true),
    Case(
      #"{"errorCode":"E8011","value":"Current user cannot enter data for org unit(s): `[RecOuFacB01]`"}"#, true, false,
      #"{"orgUnit":"RecOuFacB01"}"#),
    Case(
      #"{"errorCode":"E8020","value":"Data set RecDsMonth1 not usable with data element(s): `[Nonexisten1]`"}"#, true,
      false, #"{"dataElement":"Nonexisten1"}"#),
    Case(
      #"{"errorCode":"E8020","value":"Data set RecDsMonth1 not usable with data element(s): `[Nonexist099, Nonexist071, Nonexist078]`"}"#,
      true, false, #"{"dataElement":"Nonexist078"}"#),
    Case(
      #"{"errorCode":"E8021","value":"Data set RecDsMonth1 not usable with period(s): `[2024W5, 2024W6]`"}"#, true,
      false, #"{"period":"2024W6"}"#),
    Case(
      #"{"errorCode":"E8022","value":"Data set RecDsMonth1 not usable with org unit(s): `[RecOuDistA1, Nonexisten1]`"}"#,
      true, false, #"{"orgUnit":"RecOuDistA1"}"#),
    Case(
      #"{"errorCode":"E8023","value":"Data set RecDsMonth1 not usable with attribute option combo(s): `[Nonexisten1]`"}"#,
      true, false, #"{"attributeOptionCombo":"Nonexisten1"}"#),
    // An option combo that is left out is the default one.
    Case(
      #"{"errorCode":"E8023","value":"Data set RecDsPart01 not usable with attribute option combo(s): `[HllvX50cXC0]`"}"#,
      true, false, #"{"attributeOptionCombo":null}"#),
    Case(
      #"{"errorCode":"E8024","value":"Data set RecDsMonth1 + data element RecDeInt001 not usable with category option combo(s): `[Nonexisten1]`"}"#,
      true, false, #"{"dataElement":"RecDeInt001","categoryOptionCombo":"Nonexisten1"}"#),
    Case(
      #"{"errorCode":"E8024","value":"Data set RecDsMonth1 + data element RecDeInt001 not usable with category option combo(s): `[Nonexisten1]`"}"#,
      false, false, #"{"categoryOptionCombo":"Nonexisten1"}"#),
    Case(
      #"{"errorCode":"E8024","value":"Data set RecDsMonth1 + data element RecDeSex001 not usable with category option combo(s): `[HllvX50cXC0]`"}"#,
      true, false, #"{"dataElement":"RecDeSex001","categoryOptionCombo":null}"#),
    Case(
      #"{"errorCode":"E8030","value":"Untimely data entry for data set RecDsLock01 and period(s): `[202401]`"}"#, true,
      false, #"{"period":"202401"}"#),
    Case(
      #"{"errorCode":"E8031","value":"Untimely data entry for org unit RecOuFacA03 and period(s): `[202408]`"}"#, true,
      false, #"{"orgUnit":"RecOuFacA03","period":"202408"}"#),
    Case(
      #"{"errorCode":"E8031","value":"Untimely data entry for org unit RecOuFacA03 and period(s): `[202408]`"}"#, false,
      false, #"{"period":"202408"}"#),
    Case(
      #"{"errorCode":"E8100","value":"Value #1 period not defined in group or value: `Input[dataElement=RecDeInt001, orgUnit=RecOuFacA01, period=null, value=1]`","indexes":[1]}"#,
      nil, nil, #"{"dataElement":"RecDeInt001"}"#),
    Case(
      #"{"errorCode":"E8102","value":"Value #1 data element not defined in group or value: `Input[dataElement=null, orgUnit=RecOuFacA01, period=202401, value=1]`"}"#,
      false, false, #"{"orgUnit":"RecOuFacA01"}"#),
    Case(
      #"{"errorCode":"E8103","value":"Value #1 data element not found: `DE_NONE`","indexes":[-1]}"#, true, false,
      #"{"dataElement":"DE_NONE"}"#),
    Case(
      #"{"errorCode":"E8104","value":"Value #1 data element UID not valid: `abc`","indexes":[-1]}"#, true, false,
      #"{"dataElement":"abc"}"#),
    Case(
      #"{"errorCode":"E8106","value":"Value #1 org unit UID is not valid: `abc`","indexes":[-1]}"#, true, false,
      #"{"orgUnit":"abc"}"#),
    Case(#"{"errorCode":"E8120","value":"Value #1 value is required"}"#, nil, nil),
    Case(
      #"{"errorCode":"E8122","value":"Value #1 value `many` is no valid INTEGER: value_not_integer"}"#, nil, nil,
      #"{"value":"many"}"#),
    Case(
      #"{"errorCode":"E8123","value":"Value #1 value `GREEN` is no valid option for data element `RecDeOpt001`"}"#, nil,
      nil, #"{"dataElement":"RecDeOpt001"}"#),
    Case(#"{"errorCode":"E8125","value":"Value #1 comment too long (max 5,000 characters)`"}"#, nil, nil),
    Case(
      #"{"errorCode":"E8128","value":"Value #[0, 1] all affect the same data value: `DataValueKey[dataElement=RecDeInt001, orgUnit=RecOuFacA01, categoryOptionCombo=HllvX50cXC0, attributeOptionCombo=HllvX50cXC0, period=202201]`"}"#,
      nil, nil, #"{"dataElement":"RecDeInt001"}"#),
    Case(
      #"{"errorCode":"E8999","value":"Something new about `RecDeInt001`"}"#, nil, nil, #"{"dataElement":"RecDeInt001"}"#
    ),
  ]

  static func matcher(_ json: String) throws -> ConflictMatcher {
    let text = #"{"conflicts":["# + json + "]}"
    let summary = try #require(ImportSummary(try JSONValue(parsing: text)))
    return ConflictMatcher(try #require(summary.conflicts.first))
  }

  @Test("tells the value that a message is about from one that it is not about", arguments: upTo242 + from243)
  func messages(row: Case) throws {
    let matcher = try Self.matcher(row.json)
    #expect(matcher.names(try Self.ids(row.value)) == row.guilty)
    #expect(matcher.names(try Self.ids("{}")) == row.innocent)
    #expect(matcher.isAboutID == row.isAboutID)
  }

  @Test("an unknown attribute option combo is told as a category option combo: the value is found all the same")
  func attributeOptionCombo() throws {
    let json =
      #"{"object":"Nonexisten1","objects":{"categoryOptionCombo":"Nonexisten1"},"errorCode":"E7615","value":"Attribute option combo not found or not accessible for writing data: `Nonexisten1`"}"#
    let matcher = try Self.matcher(json)
    #expect(matcher.isAboutID)
    #expect(matcher.names(try Self.ids(#"{"attributeOptionCombo":"Nonexisten1"}"#)) == true)
    #expect(matcher.names(try Self.ids("{}")) == false)
  }

  @Test("ids are read decoded, registrations' units too, what is left out as the default combo")
  func valueIDs() {
    let text =
      #" {"dataElement":"a\u0062c","period":202401,"organisationUnit":"O","value":null,"categoryOptionCombo":null} "#
    let ids = ValueIDs(ArraySlice(Array(text.utf8)), defaultCombo: "D", DataValueLine.Scratch())
    #expect(ids.dataElement == "abc" && ids.period == "202401" && ids.orgUnit == "O" && ids.value == "")
    #expect(ids.categoryOptionCombo == "D" && ids.attributeOptionCombo == "D" && ids.dataSet == "")
  }

  @Test(
    "what is remembered of a refusal tells alike values from others",
    arguments: [
      ("E8104", "dataElement", true), ("E8104", "period", false), ("E8020", "dataElement", true),
      ("E8020", "orgUnit", false),
      ("E8021", "period", true), ("E8030", "period", true), ("E8106", "orgUnit", true), ("E8022", "orgUnit", true),
      ("E8022", "dataElement", false), ("E8023", "attributeOptionCombo", true), ("E8023", "categoryOptionCombo", false),
      ("E8024", "dataElement", true), ("E8024", "categoryOptionCombo", true), ("E8024", "period", false),
      ("E8031", "orgUnit", true),
      ("E8031", "period", true), ("E8031", "dataElement", false),
    ])
  func memory(code: String, key: String, matters: Bool) throws {
    let memory = GuiltyMemory()
    #expect(memory.isEmpty)
    memory.remember(code, try Self.ids("{}"), "S")
    #expect(!memory.isEmpty)
    #expect(memory.knows(try Self.ids("{}"), "S"))
    #expect(memory.knows(try Self.ids("{\"\(key)\":\"Another0001\"}"), "S") == !matters)
  }

  @Test(
    "nothing is remembered of what is about one value", arguments: ["E8122", "E8120", "E8128", "E7619", "E8002", ""])
  func notRemembered(code: String) throws {
    let memory = GuiltyMemory()
    memory.remember(code, try Self.ids("{}"), nil)
    #expect(memory.isEmpty)
    #expect(!memory.knows(try Self.ids("{}"), nil))
  }
}
