import D2Client
import D2Common
import Glibc

/// Compares what two servers hold, or two streams of data values.
@main
struct Diff {
  static func main() async {
    await Command.main(description) { arguments, log in
      try await DiffRun(arguments, log).run()
    }
  }

  static let description = CommandDescription(
    name: "d2-diff",
    abstract:
      "does the destination hold what the source holds? writes what is missing or different there, ready to push",
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
      OptionGroup(
        "What counts as a difference",
        [
          Option("--numeric", help: "Values that are the same number are equal: 1, 1.0 and 01."),
          Option("--extras", help: "What only the destination has is a difference too."),
          Option(
            "--delete-extras",
            help:
              "Write it as deleted values. Never where the source is empty, was not read to its end, or comes through a pipe."
          ),
          Option(
            "--max-delete", value: "N|P%",
            help: "With more extras than this, a number or a share of the destination, nothing is written (default 1%)."
          ),
          Option(
            "--default-combo", values: "UID",
            help:
              "An option combo that says as much as none, besides HllvX50cXC0 and \"default\"; both servers of a pair are asked for theirs."
          ),
        ]),
      OptionGroup(
        "What is written",
        [
          Option(
            "--format", value: "ndjson|table|tsv|json|summary",
            help:
              "ndjson: the lines of the source, byte for byte (default where stdout is no terminal); table, tsv, json: a row for each difference; summary: counts by data set, period and organisation unit."
          ),
          Option(
            "--level", value: "N",
            help: "With --format summary and --pair: count by the organisation units of this level (d2-orgunits list)."),
          Option("--summary", value: "FILE", help: "Write what was found as one JSON object."),
        ]),
      PulledSide.group,
      OptionGroup(
        "Resources",
        [
          Option(
            "--memory", value: "BYTES",
            help:
              "How much memory is used, about (default 64M); what does not fit goes to temporary files, in $TMPDIR: 48 bytes a value, and the lines of what is no file."
          )
        ]),
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
    ], operands: "[SOURCE DESTINATION]", manual: manual)
}
