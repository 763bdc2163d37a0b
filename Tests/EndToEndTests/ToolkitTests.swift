import TestSupport
import Testing
import WaitingTests

@Suite("d2, all commands in one", .waiting)
struct ToolkitTests {
  private static let commands = [
    "d2-pull", "d2-push", "d2-pairs", "d2-orgunits", "d2-datasets", "d2-slices", "d2-map", "d2-diff",
    "d2-convert",
  ]

  @Test("is the command by whose name it is called, and says the same as that command alone", arguments: commands)
  func byName(_ command: String) {
    let outcome = Shell().run(
      """
      ln -s "$(command -v d2)" \(command); verb=\(command.dropFirst(3))
      for question in --help --version --describe --nonsense; do
        \(command) $question > alone 2>&1; alone=$?
        ./\(command) $question > linked 2>&1; [ $? = $alone ] && cmp alone linked && echo link
        d2 $verb $question > verb 2>&1; [ $? = $alone ] && cmp alone verb && echo verb
      done
      """)
    #expect(
      outcome.lines == (0..<4).flatMap { _ in ["link", "verb"] }, "\(command): \(outcome.output)\(outcome.errors)")
  }

  @Test("a link to a link, a link of another name, a hard link, a copy, and another argv[0] lead to the command")
  func ways() {
    let outcome = Shell().run(
      """
      mkdir bin far; cp "$(command -v d2)" bin/d2; ln -s d2 bin/d2-pull
      ln -s ../bin/d2-pull far/d2-pull; ln -s "$PWD/far/d2-pull" far/values; ln far/values far/numbers
      far/d2-pull --version; far/values --version; far/numbers --version; PATH=$PWD/far values --version
      (exec -a anything bin/d2-pull --version); (cd far && ../bin/../far/values --version)
      cp -L bin/d2-pull copied-d2-pull; mv copied-d2-pull far/d2-push; far/d2-push --version
      ln bin/d2 bin/d2-map; bin/d2-map --version; cp -a bin others; others/d2-pull --version
      sh -c 'far/values --url nonsense' 2> errors; echo $?; head -1 errors | cut -d: -f1
      """)
    let pull = "d2-pull"
    #expect(
      outcome.lines.map { String($0.prefix { $0 != " " }) }
        == [pull, pull, pull, pull, pull, pull, "d2-push", "d2-map", pull, "64", pull],
      "\(outcome.output)\(outcome.errors)")
  }

  @Test("without a command, or with a name that none has, it says which there are: 64")
  func unknown() {
    let outcome = Shell().run(
      """
      d2 2> nothing; echo $?; grep -o 'say what to do: .* convert ' nothing
      d2 pul 2> mistyped; echo $?; cat mistyped
      ln -s "$(command -v d2)" extract; ./extract --url http://127.0.0.1:9 2> renamed; echo $?; cat renamed
      d2 --version | cut -d' ' -f1; d2 --help | grep -c '^  [a-z]'; d2 --describe | jq -r '[.verbs[].name] | join(",")'
      """)
    #expect(
      outcome.lines == [
        "64", "say what to do: pull, push, pairs, orgunits, datasets, slices, map, diff, convert ",
        "64", #"d2: unknown verb "pul"; did you mean pull? (d2 --help lists them)"#,
        "64",
        #"d2: no command is called "extract": rename it to d2-pull, d2-push, d2-pairs, d2-orgunits, d2-datasets, d2-slices, d2-map, d2-diff or d2-convert"#,
        "d2", "10", "d2 pull,d2 push,d2 pairs,d2 orgunits,d2 datasets,d2 slices,d2 map,d2 diff,d2 convert",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test("help is where people look for it")
  func help() {
    let outcome = Shell().run(
      """
      same() { cmp <($1 2>&1) <($2 2>&1) && echo same; }
      same 'd2-pull help' 'd2-pull --help'; same 'd2-slices help plan' 'd2-slices plan --help'; same 'd2-slices help' 'd2-slices --help'
      same 'd2 help slices plan' 'd2-slices plan --help'; same 'd2 help pull' 'd2-pull --help'; same 'd2-map help suggest' 'd2-map suggest --help'
      d2-slices help pla; echo $?; d2-pull --help | tail -n 1; d2-slices --help | tail -n 1
      d2-pull --url http://127.0.0.1:9 --pat SECRET --data-set a; echo $?; d2-push --url http://127.0.0.1:9 --password SECRET < /dev/null; echo $?
      """)
    #expect(
      outcome.lines == Array(repeating: "same", count: 6) + [
        "64", "More: man d2-pull. An overview: man d2", "More: man d2-slices. An overview: man d2", "64", "64",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains(#"unknown verb "pla"; did you mean plan?"#), "\(outcome.errors)")
    #expect(
      outcome.errors.contains("--pat: a command line takes no secret, because ps would show it")
        && outcome.errors.contains("give --pat-file FILE, or set D2_SOURCE_PAT or D2_DESTINATION_PAT")
        && outcome.errors.contains("give --password-file FILE") && !outcome.errors.contains("SECRET"),
      "\(outcome.errors)")
  }

  @Test("a closed stdin or stdout fails as such, and no other file of the command takes its place")
  func closedStandardFiles() {
    let shell = Shell()
    shell.write("in", #"{"dataElement":"a","period":"202401","orgUnit":"u","value":"1"}"# + "\n")
    shell.write("table", "kind,from,to\n")
    for _ in 0..<3 {
      let outcome = shell.run(
        """
        timeout 20 d2-convert <&-; echo $?
        timeout 20 d2-map table <&-; echo $?
        timeout 20 d2-convert --registrations r in >&-; echo $? >&2; wc -c < r.part
        timeout 20 d2-convert in 2>&-; echo $?
        """)
      #expect(
        outcome.lines == ["74", "74", "0", #"{"dataElement":"a","period":"202401","orgUnit":"u","value":"1"}"#, "0"],
        "\(outcome.output)\(outcome.errors)")
      #expect(
        outcome.errors == """
          d2-convert: cannot read standard input: Bad file descriptor
          d2-map: cannot read the input: Bad file descriptor
          d2-convert: cannot write to standard output: Bad file descriptor
          73

          """)
    }
  }

  @Test("its processes bear the command's name, for ps and killall")
  func processName() {
    let outcome = Shell().run(
      """
      ln -s "$(command -v d2)" d2-map; echo kind,from,to > table.csv; mkfifo input; exec 3<>input
      ./d2-map table.csv < input 3>&- & pid=$!
      await '[ "$(cat /proc/$pid/comm)" != bash ]'; cat /proc/$pid/comm; exec 3>&-; wait $pid; echo $?
      """)
    #expect(outcome.lines == ["d2-map", "0"], "\(outcome.output)\(outcome.errors)")
  }
}
