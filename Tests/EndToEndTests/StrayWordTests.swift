import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// A word too many on a command line is refused before anything is done.
@Suite("stray words", .waiting)
struct StrayWordTests {
  @Test(
    "a word that no verb knows what to do with is refused by all of them",
    arguments: [
      ("d2-pairs", "add set show enable disable remove test"), ("d2-orgunits", "enable disable set"),
      ("d2-datasets", "enable disable set mark"), ("d2-slices", "run renew done fail"),
    ])
  func strayWords(command: String, withOperands: String) throws {
    // Without a store: whatever looks for one before it looks at its words ends with another status.
    let shell = Shell(["D2_STORE": "/no/such"])
    let outcome = shell.run(
      """
      (D2_STORE=$PWD/d2.sqlite d2-pairs add hmis --source-url https://a.example --source-pat env:A --destination-url https://b.example --destination-pat env:B --quiet > /dev/null)
      verbs=$(\(command) --help | sed -n '/^Verbs/,/^$/s/^  \\([a-z]*\\) .*/\\1/p')
      for verb in $verbs; do
        case " \(withOperands) " in *" $verb "*) continue ;; esac
        \(command) $verb stray; echo "$verb $?"
      done
      \(command == "d2-slices" ? "d2-slices run stray; echo run $?; d2-slices run -- true stray; echo run $?" : "true")
      \(command == "d2-pairs" ? "export D2_STORE=$PWD/d2.sqlite; for verb in add set show enable disable remove test; do d2-pairs $verb hmis stray; echo $verb $?; done" : "true")
      """)
    let statuses = outcome.lines
    #expect(!statuses.isEmpty && statuses.allSatisfy { $0.hasSuffix(" 64") }, "\(outcome.output)\(outcome.errors)")
    let told = outcome.errors.split(separator: "\n")
    #expect(told.count == statuses.count, "\(outcome.errors)")
    #expect(told.filter { !$0.contains("stray") && !$0.contains("one word of the shell") } == [])
  }
}
