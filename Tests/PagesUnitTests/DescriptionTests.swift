import D2Common
import Testing

@testable import d2_pages

@Suite("What a command says of itself")
struct DescriptionTests {
  static let command = DescribedCommand(
    name: "d2-test", abstract: "test", manual: Manual(["Tests."], environment: [("A", "b")], files: [("c", "d")]),
    own: description("d2-test", operands: ""), verbs: [description("d2-test add", operands: "PAIR")])

  private static func description(_ name: String, operands: String) -> CommandDescription {
    CommandDescription(
      name: name, abstract: "do", examples: [("\(name) --flag", "an example")],
      groups: [
        OptionGroup(
          "How",
          [
            Flag("--flag", "-f", help: "On."), D2Common.Option("--text", value: "TEXT", help: "A \"text\"."),
            D2Common.Option("--list", values: "N", help: "Many."),
          ])
      ],
      statuses: [(.success, "done"), (.refused, "refused")], operands: operands)
  }

  @Test("nothing of it is lost on the way")
  func wayBack() throws {
    let read = try DescribedCommand(JSONValue(parsing: Array(Self.command.json.text.utf8)))
    #expect(read.json == Self.command.json)
    #expect(ManPage(read).roff == ManPage(Self.command).roff)
    for shell in Completion.Shell.allCases {
      #expect(Completion(read).script(shell) == Completion(Self.command).script(shell))
    }
  }

  @Test("what it lacks is named", arguments: ["name", "abstract", "manual", "verbs"])
  func lacking(key: String) {
    let members = Self.command.json.members?.filter { $0.key != key } ?? []
    let failure = #expect(throws: CommandFailure.self) { try DescribedCommand(.object(members)) }
    #expect(failure?.exitStatus == .malformedInput)
    #expect(
      failure?.message == "the description lacks \(key): give what a command of d2 prints with --describe")
  }
}
