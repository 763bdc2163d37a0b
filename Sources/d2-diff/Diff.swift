import D2Client
import D2Common
import Glibc

/// Compares what two servers hold, or two streams of data values.
package struct Diff: ToolkitCommand {
  package static let name = "d2-diff"
  package static let abstract =
    "does the destination hold what the source holds? writes what is missing or different there, ready to push"

  static let description = CommandDescription(
    name: name, abstract: abstract,
    examples: [
      ("d2-diff --pair hmis --data-set BfMAe6Itzgt -y 2023", "asks both servers of a pair"),
      (
        "d2-diff --pair hmis -y 2023 --format ndjson | d2-push --pair hmis",
        "what is missing or different is moved again"
      ),
      ("d2-diff source.ndjson destination.ndjson", "two files, or FIFOs: <(d2-pull …)"),
      (
        "d2-diff --pair hmis -y 2023 --format summary --level 2",
        "how much of each data set and period each region has, at both ends"
      ),
      (
        "d2-diff --pair hmis -y 2023 --delete-extras | d2-push --pair hmis",
        "and what only the destination has is deleted there"
      ),
      (
        "d2-diff --pair hmis -y 2023 --registrations --delete-extras | d2-push --pair hmis --registrations",
        "the same of complete data set registrations"
      ),
    ],
    groups: [
      OptionGroup("What counts as a difference", DiffOptions.differences),
      OptionGroup("What is written", DiffOptions.output), PulledSide.group,
      OptionGroup("Resources", [DiffOptions.memory]),
      ServerOptions.transport,
    ],
    statuses: [
      (.success, "no difference"), (.incomplete, "differences, or the source does not know all that was asked for"),
      (.usage, "the command line is wrong"),
      (.malformedInput, "a line is no data value; or --delete-extras would delete too much: nothing is written"),
      (.unreachable, "a server cannot be reached"), (.cannotWrite, "the output or a temporary file cannot be written"),
      (.cannotRead, "an input cannot be read"),
      (.temporary, "an answer was cut off, or a server failed after all retries: nothing is compared"),
      (.refused, "credentials or access refused"), (.configuration, "no such pair, or a bad store"),
    ], operands: "[SOURCE DESTINATION]",
    manual: Manual([
      """
      Compares the data values of two servers, or of two streams, by data element, period, organisation unit, category \
      option combo and attribute option combo, and writes what is missing or different at the destination. With \
      `--pair` it runs d2-pull(1) on both ends; else SOURCE and DESTINATION are files, FIFOs or `-` for standard \
      input. The lines may stand in any order. Status 0 means no difference, 1 differences; after anything else \
      nothing was compared, and nothing is written.
      """,
      """
      Values are compared as text: `1` and `"1"` are equal, `1` and `1.0` only with `--numeric`. Comments, follow-up \
      marks and dates are not compared. A default combo that is written out and one that is left out are the same, and \
      a deleted value is as good as none. Complete data set registrations are known by their keys and compared too.
      """,
      """
      With `--pair` the destination is asked what it does not keep: zeros of data elements with `zeroIsSignificant` \
      false and white space (up to 2.42), the white space around a text, other spellings of true and false, files. \
      Such values are counted apart (`notKept` in the summary) and are no difference, since a push would not change \
      it. A zero that has another value at the destination is a difference: pushed, it deletes that value.
      """,
      """
      In a pipeline the output is the source's own lines, byte for byte, ready for d2-push(1). `--delete-extras` adds \
      what only the destination has, as deleted values. It writes nothing at all (status 65) where that would be more \
      than `--max-delete`, where the source is empty or was not read to its end, or where it comes through a pipe, \
      whose end says nothing of its writer's.
      """,
      """
      Both sides are read once, at the same time. Memory stays at about `--memory` whatever the number of values; \
      beyond it 48 bytes a value go to temporary files.
      """,
    ]))

  package static func main(_ words: [String]) async -> Never {
    await Command.main(description, words) { arguments, log in
      try await DiffRun(arguments, log).run()
    }
  }
}
