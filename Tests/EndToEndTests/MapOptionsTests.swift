import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Tables of categories and options: d2-map makes combos of them from both servers' metadata.
@Suite("d2-map of options", .waiting)
struct MapOptionsTests {
  /// A category with its options, in a server's words.
  private struct Dimension {
    let name: String
    let options: [String]
    /// Those that other categories of the server have too.
    var shared: Set<String> = []
  }

  /// A uid made of words, the same each time.
  private static func uid(_ prefix: String, _ words: [String]) -> String {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in words.joined(separator: "|").utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    let letters = (0..<(11 - prefix.count)).map { _ -> Character in
      defer { hash /= 36 }
      return alphabet[Int(hash % 36)]
    }
    return prefix + String(letters)
  }

  /// The metadata of a combo of some categories, with the names of its option combos.
  private static func combo(_ side: String, _ name: String, _ dimensions: [Dimension]) -> (json: String, uid: String) {
    func list(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }
    func object(_ id: String, _ name: String, _ more: String = "") -> String {
      #"{"id":"\#(id)","name":\#(JSONValue.string(name).text)\#(more)}"#
    }
    func option(_ dimension: Dimension, _ option: String) -> String {
      uid(side + "o", [dimension.shared.contains(option) ? "shared" : dimension.name, option])
    }
    let options = dimensions.flatMap { one in one.options.map { object(option(one, $0), $0) } }
    let categories = dimensions.map { one in
      object(
        uid(side + "c", [one.name]), one.name,
        #","categoryOptions":\#(list(one.options.map { #"{"id":"\#(option(one, $0))"}"# }))"#)
    }
    let rows = dimensions.reduce([[(Dimension, String)]()]) { rows, one in
      rows.flatMap { row in one.options.map { row + [(one, $0)] } }
    }
    let combos = rows.map { row in
      object(
        uid(side + "k", [name] + row.map { $0.1 }), row.map { $0.1 }.joined(separator: ", "),
        #","categoryOptions":\#(list(Set(row.map { #"{"id":"\#(option($0.0, $0.1))"}"# }).sorted()))"#)
    }
    let id = uid(side + "m", [name])
    let own = object(
      id, name,
      #","categories":\#(list(dimensions.map { #"{"id":"\#(uid(side + "c", [$0.name]))"}"# })),"categoryOptionCombos":\#(list(combos))"#
    )
    let json =
      #"{"categoryOptions":\#(list(options)),"categories":\#(list(categories)),"categoryCombos":\#(list([own]))}"#
    return (json, id)
  }

  /// The source has three ages and two sexes, the destination two ages, two sexes and ages alone.
  private static func world(_ kind: StoreKind = .sqlite) throws -> (world: World, element: String) {
    let world = try World(slicesIn: kind, values: 0, level: nil)
    let element = world.metadata.dataElements.first { $0.name == "Visits 1" }!.uid
    let (ages, sexes) = (
      Dimension(name: "Age", options: ["<1", "1-4", "5+"]), Dimension(name: "Gender", options: ["Male", "Female"])
    )
    let source = combo("S", "AS", [ages, sexes])
    try world.change(source: source.json)
    try world.change(source: #"{"dataElements":[{"id":"\#(element)","categoryCombo":{"id":"\#(source.uid)"}}]}"#)
    let (young, both) = (
      Dimension(name: "Years", options: ["Under 5", "5 and over"]), Dimension(name: "Gender", options: ["M", "F"])
    )
    let destination = combo("D", "YS", [young, both])
    try world.change(destination: destination.json)
    try world.change(destination: combo("D", "Y", [young]).json)
    try world.change(
      destination: #"{"dataElements":[{"id":"\#(element)","categoryCombo":{"id":"\#(destination.uid)"}}]}"#)
    return (world, element)
  }

  private static let table = """
    category,from option,to option,note
    Age,<1,Under 5,
    Age,1-4,Under 5,
    Age,5+,5 and over,
    Gender,Male,M,
    Gender,Female,F,

    """

  private static func line(_ element: String, _ ages: String, _ sex: String, _ value: String, _ unit: String) -> String
  {
    let combo = uid("Sk", ["AS", ages, sex])
    return
      #"{"dataElement":"\#(element)","period":"202201","orgUnit":"\#(unit)","categoryOptionCombo":"\#(combo)","attributeOptionCombo":"HllvX50cXC0","value":"\#(value)"}"#
  }

  @Test(
    "whole categories at once: combos of the destination, added up where several become one",
    arguments: StoreKind.available)
  func moved(kind: StoreKind) throws {
    let (world, element) = try Self.world(kind)
    let unit = world.metadata.organisationUnits[world.metadata.dataSets[0].units[0]].uid
    let values = [
      ("<1", "Male", "3"), ("1-4", "Male", "4"), ("5+", "Male", "10"), ("<1", "Female", "5"), ("1-4", "Female", "0"),
    ]
    try world.source.load(
      values: values.map { Self.line(element, $0.0, $0.1, $0.2, unit) }.joined(separator: "\n") + "\n")
    world.shell.write("options.csv", Self.table)
    let outcome = world.run(
      """
      d2-pull --pair hmis --data-set MONTH -p 202201 | d2-map options.csv --pair hmis --sum |
        d2-push --pair hmis --rejects r > /dev/null; say status "${PIPESTATUS[*]}"
      """)
    #expect(outcome.lines == ["status=0 0 0"], "\(outcome.errors)")
    let held = world.run(#"curl -sf $DST/control/values | jq -r '.categoryOptionCombo + " " + .value' | sort"#).lines
    let expected = [(["YS", "Under 5", "M"], "7"), (["YS", "5 and over", "M"], "10"), (["YS", "Under 5", "F"], "5")]
    #expect(held == expected.map { Self.uid("Dk", $0.0) + " " + $0.1 }.sorted())
  }

  @Test("a category may be left out, and its options be all others")
  func leftOut() throws {
    let (world, element) = try Self.world()
    let lines = [("<1", "Male", "1.5"), ("<1", "Female", "2.25"), ("5+", "Male", "4")].map {
      Self.line(element, $0.0, $0.1, $0.2, "u")
    }
    world.shell.write("in", lines.joined(separator: "\n") + "\n")
    func mapped(_ rows: String, _ options: String = "--sum") -> Shell.Outcome {
      world.shell.write("t.csv", "category,from option,to option\n" + rows)
      return world.run(
        "d2-map t.csv --pair hmis \(options) < in | jq -r '.categoryOptionCombo + \" \" + .value'; echo ${PIPESTATUS[0]}"
      )
    }
    let ages = mapped("Age,<1,Under 5\nAge,*,5 and over\nGender,*,default\n")
    #expect(
      ages.lines == [Self.uid("Dk", ["Y", "Under 5"]) + " 3.75", Self.uid("Dk", ["Y", "5 and over"]) + " 4", "0"],
      "\(ages.errors)")
    let total = mapped("Age,*,default\nGender,*,default\n")
    #expect(total.lines == ["HllvX50cXC0 7.75", "0"], "\(total.errors)")
    let dropped = mapped("Age,5+,\nAge,*,Under 5\nGender,Male,M\nGender,Female,F\n")
    #expect(
      dropped.lines == [
        Self.uid("Dk", ["YS", "Under 5", "M"]) + " 1.5", Self.uid("Dk", ["YS", "Under 5", "F"]) + " 2.25", "0",
      ], "\(dropped.errors)")
    // Without --sum the last one would win at the destination.
    let last = mapped("Age,<1,Under 5\nAge,*,5 and over\nGender,*,default\n", "")
    let warning =
      #"6 combos become 2 at \#(world.destination.url) ("5 and over", "Under 5"): add --sum, or the last value of a key wins there"#
    #expect(last.lines.count == 4 && last.errors.contains(warning), "\(last.errors)")
    // Ages by uid and sexes that the destination calls otherwise: nothing is made of them.
    let unresolved = mapped("Age,\(Self.uid("So", ["Age", "<1"])),Under 5\nAge,*,5 and over\n", "--unmapped fail")
    #expect(unresolved.lines == ["65"] && unresolved.errors.contains("no single counterpart"), "\(unresolved.errors)")
    let undecided = mapped("Age,<1,?\nAge,1-4,Under 5\nGender,Male,M\nGender,Female,F\n", "")
    #expect(undecided.errors.contains("1 option undecided"), "\(undecided.errors)")
  }

  @Test("an undecided option is not among all others: its combos count as not in the table")
  func undecided() throws {
    let (world, element) = try Self.world()
    let lines = [("<1", "Male", "1"), ("<1", "Female", "2")].map { Self.line(element, $0.0, $0.1, $0.2, "u") }
    world.shell.write("in", lines.joined(separator: "\n") + "\n")
    world.shell.write(
      "t.csv", "category,from option,to option\nGender,Female,?\nGender,*,default\nAge,<1,Under 5\nAge,*,5 and over\n")
    let outcome = world.run(
      """
      map() { d2-map t.csv --pair hmis "$@" < in | jq -r '.categoryOptionCombo + " " + .value'; echo ${PIPESTATUS[0]}; }
      map; map --unmapped drop --sum; map --unmapped fail
      """)
    let male = Self.uid("Dk", ["Y", "Under 5"]) + " 1"
    #expect(
      outcome.lines == [male, Self.uid("Sk", ["AS", "<1", "Female"]) + " 2", "0", male, "0", male, "65"],
      "\(outcome.errors)")
    #expect(outcome.errors.contains("1 option undecided (?): the combos that have one count as not in the table"))
    #expect(!outcome.errors.contains("no single counterpart"), "\(outcome.errors)")
    world.shell.write("t.csv", "category,from option,to option\nGender,Femal,?\n")
    let unknown = world.run("d2-map t.csv --pair hmis < in; echo $?")
    #expect(unknown.lines == ["65"] && unknown.errors.contains("line 2: no option \"Femal\""), "\(unknown.errors)")
  }

  /// What becomes of a line with a value for each combo of a category combo of the source, as `combo value`.
  private static func mapped(_ table: String, _ combos: [[String]], of name: String, _ world: World) -> Shell.Outcome {
    let lines = combos.enumerated().map { place, options in
      #"{"dataElement":"e","period":"202201","orgUnit":"u","categoryOptionCombo":"\#(uid("Sk", [name] + options))","#
        + #""attributeOptionCombo":"HllvX50cXC0","value":"\#(1 << place)"}"#
    }
    world.shell.write("in", lines.joined(separator: "\n") + "\n")
    world.shell.write("t.csv", "category,from option,to option\n" + table)
    return world.run(
      "d2-map t.csv --pair hmis --sum --unmapped drop < in | jq -r '.categoryOptionCombo + \" \" + .value'")
  }

  @Test("an option that two categories share belongs to the category that the other options leave")
  func shared() throws {
    let world = try World(slicesIn: .sqlite, values: 0, level: nil)
    let (ages, sexes) = (["<5", "5+", "Unknown"], ["M", "F", "Unknown"])
    try world.change(
      source: Self.combo(
        "S", "AG",
        [
          Dimension(name: "Age", options: ages, shared: ["Unknown"]),
          Dimension(name: "Gender", options: sexes, shared: ["Unknown"]),
        ]
      ).json)
    try world.change(
      destination: Self.combo(
        "D", "YG", [Dimension(name: "Years", options: ["<5", "5+"]), Dimension(name: "Gender", options: ["M", "F"])]
      ).json)
    let combos = ages.flatMap { age in sexes.map { [age, $0] } }
    let table = "Age,<5,<5\nAge,5+,5+\nAge,Unknown,5+\nGender,M,M\nGender,F,F\nGender,Unknown,F\n"
    let outcome = Self.mapped(table, combos, of: "AG", world)
    var sums: [String: Int] = [:]
    for (place, combo) in combos.enumerated() {
      let target = [combo[0] == "Unknown" ? "5+" : combo[0], combo[1] == "Unknown" ? "F" : combo[1]]
      sums[Self.uid("Dk", ["YG"] + target), default: 0] += 1 << place
    }
    #expect(outcome.lines.sorted() == sums.map { "\($0.key) \($0.value)" }.sorted(), "\(outcome.errors)")
    #expect(!outcome.errors.contains("no single counterpart"), "\(outcome.errors)")
    // Without a rule for sexes, a combo counts only if its age is unknown.
    let partial = Self.mapped("Age,Unknown,\n", combos, of: "AG", world)
    #expect(
      partial.lines.isEmpty && partial.errors.contains("9 dropped, 6 with ids that are not in the table"),
      "\(partial.output)\(partial.errors)")
  }

  @Test("if options do not tell their categories, the combo counts as not in the table")
  func ambiguous() throws {
    let world = try World(slicesIn: .sqlite, values: 0, level: nil)
    let (first, second) = (
      Dimension(name: "First result", options: ["Pos", "Neg"], shared: ["Pos", "Neg"]),
      Dimension(name: "Second result", options: ["Pos", "Neg"], shared: ["Pos", "Neg"])
    )
    try world.change(source: Self.combo("S", "FS", [first, second]).json)
    try world.change(
      destination: Self.combo(
        "D", "RS", [Dimension(name: "R", options: ["R+", "R-"]), Dimension(name: "S", options: ["S+", "S-"])]
      ).json)
    let outcome = Self.mapped(
      "First result,Pos,R+\nFirst result,Neg,R-\nSecond result,Pos,S+\nSecond result,Neg,S-\n",
      [["Pos", "Pos"], ["Pos", "Neg"], ["Neg", "Pos"], ["Neg", "Neg"]], of: "FS", world)
    let expected = [(["R+", "S+"], 1), (["R-", "S-"], 8)].map { "\(Self.uid("Dk", ["RS"] + $0.0)) \($0.1)" }
    #expect(outcome.lines.sorted() == expected.sorted(), "\(outcome.errors)")
    #expect(outcome.errors.contains("2 combos have no single counterpart at \(world.destination.url)"))
    let reason = "Pos, Neg (\(Self.uid("Sk", ["FS", "Pos", "Neg"]))): it is not clear which option is of which category"
    #expect(outcome.errors.contains(reason), "\(outcome.errors)")
  }

  @Test("options in several category combos: the one that has counterparts for all combos is right")
  func severalCategoryCombos() throws {
    let world = try World(slicesIn: .sqlite, values: 0, level: nil)
    let all: Set<String> = ["M", "F", "Unknown"]
    let (small, large) = (
      Self.combo("D", "G2", [Dimension(name: "Gender", options: ["M", "F"], shared: all)]),
      Self.combo("D", "G3", [Dimension(name: "Gender (HIV)", options: ["M", "F", "Unknown"], shared: all)])
    )
    for json in [small.json, large.json] { try world.change(destination: json) }
    for (name, options) in [("Three", ["Man", "Woman", "Other"]), ("Two", ["Man", "Woman"])] {
      try world.change(source: Self.combo("S", name, [Dimension(name: name, options: options)]).json)
    }
    let three = Self.mapped(
      "Three,Man,M\nThree,Woman,F\nThree,Other,Unknown\n", [["Man"], ["Woman"], ["Other"]], of: "Three", world)
    let expected = [("M", 1), ("F", 2), ("Unknown", 4)].map { "\(Self.uid("Dk", ["G3", $0.0])) \($0.1)" }
    #expect(three.lines.sorted() == expected.sorted(), "\(three.errors)")
    let two = Self.mapped("Two,Man,M\nTwo,Woman,F\n", [["Man"], ["Woman"]], of: "Two", world)
    let reason =
      "Man (\(Self.uid("Sk", ["Two", "Man"]))): several combos have its options, "
      + "in \"G2\" (\(small.uid)) and \"G3\" (\(large.uid))"
    #expect(two.lines.isEmpty && two.errors.contains(reason), "\(two.output)\(two.errors)")
  }

  @Test("text is not added, and other tables may stand beside it")
  func besides() throws {
    let (world, element) = try Self.world()
    world.shell.write("options.csv", Self.table)
    world.shell.write("mapping.csv", "kind,from,to\ndataElement,\(element),Other000001\n")
    let lines = [("<1", "Male", "1"), ("1-4", "Male", "one")].map { Self.line(element, $0.0, $0.1, $0.2, "u") }
    world.shell.write("in", lines.joined(separator: "\n") + "\n")
    let outcome = world.run(
      """
      head -1 in | d2-map mapping.csv options.csv --pair hmis | jq -r '.dataElement + " " + .categoryOptionCombo'
      d2-map options.csv --pair hmis --sum < in; echo $?
      """)
    #expect(outcome.lines == ["Other000001 " + Self.uid("Dk", ["YS", "Under 5", "M"]), "65"], "\(outcome.errors)")
    #expect(outcome.errors.contains("line 2") && outcome.errors.contains("one"), "\(outcome.errors)")
  }

  @Test("what a server does not have is refused, with its line")
  func refused() throws {
    let (world, _) = try Self.world()
    for (rows, words) in [
      ("Ages,<1,Under 5\n", "line 2: no category \"Ages\""), ("Age,<2,Under 5\n", "no option \"<2\" of Age"),
      ("Age,<1,Under 5\nAge,1-4,Undr 5\n", "line 3: no category option \"Undr 5\""),
      ("Age,<1,Under 5\nAge,<1,5 and over\n", "mapped twice"),
      ("Age,<1\n", "too few cells"), ("Age,,Under 5\n", "is empty"),
    ] {
      world.shell.write("t.csv", "category,from option,to option\n" + rows)
      let outcome = world.run("d2-map t.csv --pair hmis < /dev/null; echo $?")
      #expect(outcome.lines == ["65"] && outcome.errors.contains(words), "\(rows): \(outcome.output)\(outcome.errors)")
    }
    world.shell.write("t.csv", "category,from option,to option\nAge,<1,Under 5\n")
    let outcome = world.run("d2-map t.csv < /dev/null; echo $?")
    #expect(outcome.lines == ["64"] && outcome.errors.contains("--pair"), "\(outcome.errors)")
  }
}
