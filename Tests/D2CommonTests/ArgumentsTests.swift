import Testing

@testable import D2Common

@Suite("Arguments")
struct ArgumentsTests {
  static let period = D2Common.Option("--period", "-p", values: "ID", help: "Which periods.")
  static let name = D2Common.Option("--name", values: "NAME", splits: false, help: "Which names.")
  static let limit = D2Common.Option("--limit", value: "N", help: "At most so many.")
  static let children = Flag("--children", help: "Those below too.")

  static let command = CommandDescription(
    name: "d2-test", abstract: "do nothing",
    examples: [("d2-test --period 202401", "the one example")],
    groups: [
      OptionGroup(
        "Selection",
        [
          period, limit, children, name,
          D2Common.Option(
            "--a-name-longer-than-the-column", value: "VALUE",
            help:
              "A help text of many words that has to be wrapped, because no terminal is wide enough to hold all of it in one line."
          ),
        ])
    ],
    statuses: [(.success, "all is well"), (.usage, "the command line is wrong")])

  static func parse(_ words: String...) throws(CommandFailure) -> Arguments { try Arguments(words, command) }

  @Test(
    "options are read in every form",
    arguments: [
      ["--limit", "5", "--children"], ["--limit=5", "--children"], ["--children", "--limit", "5"],
    ])
  func forms(words: [String]) throws {
    let arguments = try Arguments(words, Self.command)
    #expect(arguments[Self.limit] == "5")
    #expect(arguments[Self.children] && arguments.has(Self.limit))
    #expect(!arguments.has(Self.period) && arguments[Self.period] == [] && arguments.operands == [])
  }

  @Test("the clock is the one that is handed in")
  func clock() throws {
    let noon = try #require(UTCTime("2024-02-29T12:00:00Z"))
    let arguments = try Arguments([], Self.command) { noon }
    #expect(arguments.now() == noon)
    #expect(arguments.today.description == "2024-02-29")
  }

  @Test("short names stand for long ones, values may hold = and begin with a dash, lists repeat")
  func values() throws {
    let arguments = try Self.parse("-p", "2024, 2025,,", "--period=a=b", "--limit", "-5", "--period", "")
    #expect(arguments[Self.period] == ["2024", "2025", "a=b"])
    #expect(arguments.texts(of: Self.period) == ["2024, 2025,,", "a=b", ""])
    #expect(arguments[Self.limit] == "-5")
    #expect(!arguments[Self.children])
    #expect(try Self.parse("--name", "Kenema, South", "--name=Bo")[Self.name] == ["Kenema, South", "Bo"])
  }

  @Test("operands, a single dash, and all behind two dashes")
  func operands() throws {
    let arguments = try Self.parse("a", "-", "--children", "b", "--", "--limit", "-x", "--")
    #expect(arguments.operands == ["a", "-", "b", "--limit", "-x", "--"])
    #expect(arguments[Self.children] && !arguments.has(Self.limit))
  }

  @Test("the value of a short option may stand at once behind it")
  func attached() throws {
    #expect(try Self.parse("-p2024Q1", "--limit", "3")[Self.period] == ["2024Q1"])
    #expect(try Self.parse("-p=x")[Self.period] == ["=x"])
  }

  @Test("an option is declared by its name and the type of its value")
  func declared() throws {
    let arguments = try Self.parse("--limit", "5")
    #expect(arguments.declares(Self.limit))
    #expect(!arguments.declares(D2Common.Option("--limit", as: .number(in: 0...9), help: "")))
    let other = D2Common.Option("--limits", value: "N", help: "")
    #expect(!arguments.declares(other) && arguments[ifDeclared: other] == nil)
    #expect(arguments[ifDeclared: Self.limit] == "5")
  }

  @Test(
    "refusals say what is wrong, and what was meant",
    arguments: [
      (["--perid", "1"], "unknown option --perid; did you mean --period? (d2-test --help lists them)"),
      (["--limits=3"], "unknown option --limits; did you mean --limit? (d2-test --help lists them)"),
      (["--nothing-like-it"], "unknown option --nothing-like-it (d2-test --help lists them)"),
      (["-z"], "unknown option -z (d2-test --help lists them)"),
      (["-zX"], "unknown option -zX (d2-test --help lists them)"), (["-hX"], "-h takes no value"),
      (["--children=yes"], "--children takes no value"), (["--limit"], "--limit needs a value: N"),
      (["--limit", "1", "--limit=2"], "--limit is given twice"),
      (["--children", "--children"], "--children is given twice"),
    ])
  func refusals(words: [String], message: String) {
    do throws(CommandFailure) {
      _ = try Arguments(words, Self.command)
      Issue.record("not refused")
    } catch {
      #expect(error.exitStatus == .usage)
      #expect(error.message == message)
    }
  }

  /// What an option of its own makes of a text, or what is said about it.
  private static func read<Parsed>(_ text: String, as reader: ValueReader<Parsed>) -> (Parsed?, refusal: String?) {
    let option = D2Common.Option("--it", as: reader, help: "")
    let command = CommandDescription(
      name: "d2-test", abstract: "", examples: [], groups: [OptionGroup("", [option])], statuses: [])
    do throws(CommandFailure) {
      return (try Arguments(["--it", text], command)[option], nil)
    } catch {
      #expect(error.exitStatus == .usage)
      return (nil, error.message)
    }
  }

  @Test(
    "whole numbers within bounds",
    arguments: [
      ("0", 0), ("10", 10), ("-1", nil), ("11", nil), ("1.5", nil), ("", nil), ("1e1", nil),
      ("99999999999999999999", nil),
    ])
  func int(text: String, expected: Int?) {
    let (number, refusal) = Self.read(text, as: .number(in: 0...10))
    #expect(number == expected)
    #expect(refusal == (expected == nil ? "--it \"\(text)\": a whole number from 0 to 10" : nil))
  }

  @Test("a word in place of a number", arguments: [("7", 7), ("none", nil)])
  func numberOrWord(text: String, expected: Int?) {
    let (number, refusal) = Self.read(text, as: .number(in: 0...10, or: "none"))
    #expect(number == .some(expected))
    #expect(refusal == nil)
    #expect(Self.read("no", as: .number(in: 0...10, or: "none")).refusal == "--it \"no\": a whole number from 0 to 10")
  }

  @Test(
    "durations in seconds, minutes and hours",
    arguments: [
      ("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("0.5s", 0.5), ("0", 0), ("-1", nil), ("s", nil), ("", nil),
      ("1d", nil),
      ("inf", nil), ("nan", nil), ("1e300", nil), ("1e300h", nil), ("999999999999h", nil), ("1 s", nil),
    ])
  func seconds(text: String, expected: Double?) {
    let (seconds, refusal) = Self.read(text, as: .duration)
    #expect(seconds == expected)
    #expect((refusal == nil) == (expected != nil))
  }

  @Test(
    "numbers of bytes",
    arguments: [
      ("1", 1), ("65536", 65536), ("64K", 65536), ("64k", 65536), ("8M", 8 << 20), ("2G", 2 << 30), ("0", nil),
      ("-1", nil),
      ("K", nil), ("1.5M", nil), ("8MB", nil), ("999999999999G", nil), ("9223372036854775807K", nil),
      ("99999999999999999999", nil),
    ])
  func bytes(text: String, expected: Int?) {
    let (bytes, refusal) = Self.read(text, as: .size)
    #expect(bytes == expected)
    #expect((refusal == nil) == (expected != nil))
  }

  private enum Word: String, CaseIterable { case gzip, none }

  @Test("one of some words")
  func choice() {
    #expect(Self.read("gzip", as: .one(of: Word.self)).0 == .gzip)
    #expect(Self.read("zip", as: .one(of: Word.self)).refusal == "--it \"zip\": one of gzip, none")
  }

  @Test("each of a list is checked")
  func list() throws {
    let option = D2Common.Option("--it", values: "N", as: .number(in: 1...9), help: "")
    let command = CommandDescription(
      name: "d2-test", abstract: "", examples: [], groups: [OptionGroup("", [option])], statuses: [])
    #expect(try Arguments(["--it", "1,2", "--it=3"], command)[option] == [1, 2, 3])
    #expect { try Arguments(["--it", "1,0"], command) } throws: {
      "\($0)" == "--it \"0\": a whole number from 1 to 9"
    }
  }

  @Test(
    "the edit distance counts letters put in, taken out, changed and swapped",
    arguments: [
      ("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("--period", "--perid", 1), ("ab", "ba", 1),
      ("--yaer", "--year", 1), ("ca", "abc", 3), ("same", "same", 0),
    ])
  func distance(left: String, right: String, expected: Int) {
    #expect(editDistance(left, right) == expected)
    #expect(editDistance(right, left) == expected)
  }
}

@Suite("CommandDescription")
struct CommandDescriptionTests {
  @Test("the help shows examples first, then every option and status, within its width", arguments: [60, 100])
  func help(width: Int) throws {
    let text = ArgumentsTests.command.helpText(width: width)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines.first == "d2-test - do nothing")
    #expect(lines.last == "")
    #expect(lines.contains("  # the one example") && lines.contains("  d2-test --period 202401"))
    #expect(lines.allSatisfy { $0.count <= width && $0.last != " " })
    for option in ArgumentsTests.command.options {
      #expect(option.names.allSatisfy { text.contains($0) }, "\(option.name)")
    }
    let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("-p, --period ID Which periods. Can be repeated or comma-separated."))
    #expect(words.contains("hold all of it in one line."))
    #expect(words.contains("Exit status: 0 all is well 64 the command line is wrong"))
    let order = ["Examples:", "Selection:", "Messages:", "Exit status:"].compactMap { lines.firstIndex(of: $0) }
    #expect(order.count == 4 && order == order.sorted())
  }

  @Test("help texts start in one column, below a name that is too long")
  func columns() throws {
    let lines = ArgumentsTests.command.helpText().split(separator: "\n").map(String.init)
    let long = try #require(lines.firstIndex { $0.contains("--a-name-longer") })
    #expect(lines[long] == "  --a-name-longer-than-the-column VALUE")
    #expect(lines[long + 1].hasPrefix(String(repeating: " ", count: 32) + "A help"))
    let period = try #require(lines.first { $0.contains("--period ID") })
    #expect(period == "  -p, --period ID".padded(to: 32) + "Which periods. Can be repeated or comma-separated.")
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
