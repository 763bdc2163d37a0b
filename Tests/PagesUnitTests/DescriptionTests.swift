import D2Common
import Testing

@testable import d2_pages

@Suite("What a command says of itself")
struct DescriptionTests {
  private static func line(_ name: String, _ operands: String) -> JSONValue {
    [
      "name": .string(name), "abstract": "do", "operands": .string(operands),
      "examples": [["command": "d2-test --flag", "effect": "an example"]],
      "groups": [
        [
          "title": "How",
          "options": [
            ["names": ["--flag", "-f"], "value": nil, "help": "On.", "repeats": false],
            ["names": ["--text"], "value": "TEXT", "help": "A \"text\".", "repeats": false],
            ["names": ["--list"], "value": "N", "help": "Many.", "repeats": true],
          ],
        ],
        [
          "title": "Messages",
          "options": [["names": ["--help", "-h"], "value": nil, "help": "This.", "repeats": false]],
        ],
      ],
      "statuses": [["status": 0, "meaning": "done"], ["status": 77, "meaning": "refused"]],
    ]
  }

  static let json: JSONValue = [
    "name": "d2-test", "abstract": "test",
    "manual": [
      "description": ["Tests."], "environment": [["name": "A", "meaning": "b"]],
      "files": [["name": "c", "meaning": "d"]],
    ],
    "own": line("d2-test", ""), "verbs": [line("d2-test add", "PAIR")],
  ]

  @Test("all of it is read")
  func whole() throws {
    let command = try DescribedCommand(Self.json)
    #expect(command.name == "d2-test" && command.abstract == "test")
    #expect(command.manual.description == ["Tests."])
    #expect(command.manual.environment.map(\.meaning) == ["b"])
    #expect(command.manual.files.map(\.name) == ["c"])
    #expect(command.lines.map(\.name) == ["d2-test", "d2-test add"])
    let verb = try #require(command.verbs.first)
    #expect(verb.operands == "PAIR")
    #expect(verb.groups.map(\.title) == ["How", "Messages"])
    #expect(verb.options.map(\.names) == [["--flag", "-f"], ["--text"], ["--list"], ["--help", "-h"]])
    #expect(verb.options.map(\.value) == [nil, "TEXT", "N", nil])
    #expect(verb.options.map(\.repeats) == [false, false, true, false])
    #expect(verb.options.map(\.help) == ["On.", "A \"text\".", "Many.", "This."])
    #expect(verb.statuses.map(\.status) == [.success, .refused])
    #expect(verb.examples.map(\.effect) == ["an example"])
  }

  @Test("where no verb must stand, and where one must")
  func ownLine() throws {
    let members = Self.json.members?.map { $0.key == "own" ? JSONValue.Member("own", .null) : $0 } ?? []
    let command = try DescribedCommand(.object(members))
    #expect(command.own == nil)
    #expect(command.lines.map(\.name) == ["d2-test add"])
  }

  @Test("what it lacks is named", arguments: ["name", "abstract", "manual", "verbs"])
  func lacking(key: String) {
    let members = Self.json.members?.filter { $0.key != key } ?? []
    let failure = #expect(throws: CommandFailure.self) { try DescribedCommand(.object(members)) }
    #expect(failure?.exitStatus == .malformedInput)
    #expect(failure?.message == "the description lacks \(key): give what a command of d2 prints with --describe")
  }
}
