import D2Client
import D2Common
import Glibc

/// Compares the data of two servers, or two streams of data values.
package struct Diff: ToolkitCommand {
  package static let name = "d2-diff"
  package static let abstract =
    "compare two servers or files, and write what is missing or different at the destination, ready to push"

  static let description = CommandDescription(
    name: name, abstract: abstract,
    examples: [
      ("d2-diff --pair hmis --data-set BfMAe6Itzgt -y 2023", "compare both servers of a pair"),
      (
        "d2-diff --pair hmis -y 2023 --format ndjson | d2-push --pair hmis",
        "move again what is missing or different"
      ),
      ("d2-diff source.ndjson destination.ndjson", "compare two files, or FIFOs: <(d2-pull …)"),
      (
        "d2-diff --pair hmis -y 2023 --format summary --level 2",
        "count what each region has of each data set and period, at both ends"
      ),
      (
        "d2-diff --pair hmis -y 2023 --delete-extras | d2-push --pair hmis",
        "also delete what only the destination has"
      ),
      (
        "d2-diff --pair hmis -y 2023 --registrations --delete-extras | d2-push --pair hmis --registrations",
        "do the same for complete data set registrations"
      ),
    ],
    groups: [
      OptionGroup("What counts as a difference", DiffOptions.differences),
      OptionGroup("Output", DiffOptions.output), PulledSide.group,
      OptionGroup("Resources", [DiffOptions.memory]),
      ServerOptions.transport,
    ],
    statuses: [
      (.success, "there is no difference"),
      (.incomplete, "there are differences, or the source does not know some of the ids"),
      (.usage, "the command line is wrong"),
      (.malformedInput, "a line is not a data value, or --delete-extras would delete too much: nothing is written"),
      (.unreachable, "a server cannot be reached"), (.cannotWrite, "the output or a temporary file cannot be written"),
      (.cannotRead, "an input cannot be read"),
      (.temporary, "an answer broke off, or a server failed after all retries: nothing is compared"),
      (.refused, "credentials or access refused"), (.configuration, "there is no such pair, or the store is unusable"),
    ], operands: "[SOURCE DESTINATION]",
    manual: Manual([
      """
      Compares the data values of two servers, or of two streams, and writes what is missing or different at the \
      destination. It matches values by data element, period, organisation unit, category option combo and attribute \
      option combo. With `--pair` it runs d2-pull(1) on both ends. Otherwise SOURCE and DESTINATION are files, FIFOs \
      or `-` for standard input. The lines may be in any order. Status 0 means that there is no difference, 1 that \
      there are differences. With any other status nothing was compared, and nothing is written.
      """,
      """
      Values are compared as text: `1` and `"1"` are equal, `1` and `1.0` only with `--numeric`. Comments, follow-up \
      marks and dates are not compared. A default combo that is written out equals one that is left out. A deleted \
      value counts as a missing one. Complete data set registrations are recognised by their keys, and compared too.
      """,
      """
      With `--pair` d2-diff asks the destination which values it does not keep. Up to 2.42 these are zeros of data \
      elements with `zeroIsSignificant` false, and white space. Others are the white space around a text, other \
      spellings of true and false, and files. It counts such values separately (`notKept` in the summary), and not as \
      differences, because a push would not change them. A zero that has another value at the destination is a \
      difference: a push deletes that value.
      """,
      """
      In a pipeline the output is the source's own lines, byte for byte, ready for d2-push(1). `--delete-extras` adds \
      what only the destination has, as deleted values. It writes nothing at all (status 65) if that would be more \
      than `--max-delete`, or if the source is empty or was not read to its end. The same holds if the source comes \
      through a pipe, whose end does not show whether its writer finished.
      """,
      """
      Both sides are read once, at the same time. Memory stays at about `--memory`, whatever the number of values. \
      Beyond that, 48 bytes a value go to temporary files.
      """,
    ]))

  package static func main(_ words: [String]) async -> Never {
    await Command.main(description, words) { arguments, log in
      try await DiffRun(arguments, log).run()
    }
  }
}
