import Glibc
import Testing

@testable import D2Common

/// Processes that are started, told signals and waited for.
@Suite("ChildProcess")
struct ChildProcessTests {
  private static let environment = ["PATH": "/usr/bin:/bin"]

  private static func text(_ end: Int32) -> String {
    var text: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 4096)
    while case let got = read(end, &block, block.count), got > 0 { text += block[..<got] }
    return String(decoding: text, as: UTF8.self)
  }

  @Test("a program's output and status", arguments: [("exit 0", Int32(0)), ("exit 7", 7), ("kill -TERM $$", 143)])
  func program(script: String, status: Int32) throws {
    let process = try ChildProcess(
      ["sh", "-c", "echo \"$1 $#\"; \(script)", "name", "a b"], environment: Self.environment)
    #expect(process.outputs.count == 1)
    #expect(Self.text(process.outputs[0]) == "a b 1\n")
    #expect(process.wait(block: true) == status)
    #expect(process.wait(block: false) == status, "asked again")
  }

  @Test("a program that is not there ends with 127")
  func missing() throws {
    #expect(try ChildProcess(["/no/such/program"], environment: [:]).wait(block: true) == 127)
  }

  @Test("a program has the environment that is handed in, and no other")
  func environment() throws {
    let process = try ChildProcess(["/usr/bin/env"], environment: ["WORD": "x=1"])
    #expect(String(decoding: try process.output(keeping: 100), as: UTF8.self) == "WORD=x=1\n")
    #expect(process.wait(block: true) == 0)
  }

  @Test("of a long output the beginning is kept, and all is read")
  func longOutput() throws {
    let process = try ChildProcess(
      ["/bin/sh", "-c", "printf ab; head -c 200000 /dev/zero; exit 3"], environment: Self.environment)
    #expect(try process.output(keeping: 3) == [0x61, 0x62, 0])
    #expect(process.wait(block: true) == 3)
  }

  @Test("a shell has its own environment, pipefail and a standard error of its own")
  func shell() throws {
    let process = try ChildProcess(
      shell: "echo \"$WORD\"; echo trouble >&2; false | true", environment: ["WORD": "x=1", "PATH": "/usr/bin:/bin"])
    #expect(process.outputs.map(Self.text) == ["x=1\n", "trouble\n"])
    #expect(process.wait(block: true) == 1)
  }

  @Test("a signal reaches all of a shell's group")
  func group() throws {
    let process = try ChildProcess(shell: "sleep 100 & echo; wait", environment: Self.environment)
    var byte: UInt8 = 0
    #expect(read(process.outputs[0], &byte, 1) == 1)
    #expect(process.wait(block: false) == nil)
    process.signal(SIGTERM)
    #expect(process.wait(block: true) == 143)
    // The child's end of the pipe is closed, so the sleeping process has ended too.
    #expect(Self.text(process.outputs[0]) == "")
  }

  @Test("nothing is left of a process that nobody waits for")
  func forgotten() throws {
    func started() throws -> pid_t {
      let process = try ChildProcess(["sh", "-c", "echo $$; exec sleep 100"], environment: Self.environment)
      var bytes = [UInt8](repeating: 0, count: 32)
      let got = read(process.outputs[0], &bytes, bytes.count)
      let pid = try #require(pid_t(String(decoding: bytes[..<max(0, got - 1)], as: UTF8.self)))
      #expect(process.wait(block: false) == nil)
      return pid
    }
    let pid = try started()
    #expect(kill(pid, 0) == -1 && errno == ESRCH)
  }
}
