import D2Common
import TestSupport
import Testing

@testable import d2_pages

@Suite("The table of the scripts' options")
struct ScriptTableTests {
  private static func table(_ text: String) throws -> ScriptTable {
    let folder = Folder()
    return try withExtendedLifetime(folder) { try ScriptTable(path: folder.file("table.tsv", text)) }
  }

  private static let text = """
    # a comment

    one,two\tPAIR\t-\tpair\tthe pair
    one\t--jobs -j\tN\tjobs\tat a time
    one\t--host\tHOST\thosts*\tthere too
    one\t--word\t[WORD]\tword\ta word may follow
    one\t@d2-test add\t-\tadd+\tits options
    two\t@one\t-\tone+\tthose of one
    two\t--jobs\tN\tjobs\tof two
    three\t--help -h\t-\t-\tthis text

    """

  @Test("a script has its own options, and those of what it passes on to; never another --pair")
  func options() throws {
    let table = try Self.table(Self.text)
    let command = try DescribedCommand(DescriptionTests.json)
    let one = try table.description(of: "one", passingTo: command)
    #expect(one.name == "d2-one" && one.operands == "PAIR")
    #expect(
      one.options.map(\.name) == [
        "--jobs", "--host", "--word", "--flag", "--text", "--list", "--help",
      ])
    #expect(one.options.map(\.value).prefix(3) == ["N", "HOST", nil])
    #expect(one.options.map(\.repeats).prefix(3) == [false, true, false])
    #expect(one.options.map(\.help).prefix(2) == ["At a time.", "There too."])
    let two = try table.description(of: "two", passingTo: command)
    #expect(two.options.filter { $0.name == "--jobs" }.map(\.help) == ["Of two."])
    #expect(two.options.contains { $0.name == "--text" } && two.options.contains { $0.name == "--host" })
    #expect(try table.description(of: "three", passingTo: command).operands == "")
  }

  @Test("a missing script and a malformed row are refused")
  func refusals() throws {
    let table = try Self.table(Self.text)
    let command = try DescribedCommand(DescriptionTests.json)
    let unknown = #expect(throws: CommandFailure.self) {
      try table.description(of: "four", passingTo: command)
    }
    #expect(unknown?.exitStatus == .usage)
    let short = #expect(throws: CommandFailure.self) { try Self.table("one\t--jobs\tN\n") }
    #expect(short?.exitStatus == .malformedInput)
    #expect(short?.message.hasSuffix("line 1: a row has five columns") == true, "\(short?.message ?? "")")
    let absent = #expect(throws: CommandFailure.self) { try ScriptTable(path: "/nowhere/at/all") }
    #expect(absent?.exitStatus == .cannotRead)
  }
}
