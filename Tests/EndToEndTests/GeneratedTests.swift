import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("Manual pages and completions", .waiting)
struct GeneratedTests {
  private static let commands = [
    "d2-pull", "d2-push", "d2-pairs", "d2-orgunits", "d2-datasets", "d2-slices", "d2-diff", "d2-map",
    "d2-convert",
  ]

  static func has(_ program: String) -> Bool { Shell().run("command -v \(program)").status == 0 }

  @Test(
    "each command's page is good roff and has all options of its help",
    .enabled(if: GeneratedTests.has("man"), "man is not installed"), arguments: commands)
  func pages(command: String) {
    let shell = Shell()
    let outcome = shell.run(
      #"""
      \#(command) --describe | d2-pages man > page.1; echo $?
      MANWIDTH=200 man --warnings -E UTF-8 -l page.1 > page 2> warnings; wc -c < warnings
      { \#(command) --help; for verb in $(\#(command) --help | sed -n '/^Verbs/,/^$/p' | awk '/^  / { print $1 }'); do \#(command) $verb --help; done; } |
        grep -oE '^  (-[a-z], )?--[a-z-]+' | grep -oE -e '--[a-z-]+' | sort -u > options
      sed 's/\x1b\[[0-9;]*m//g; s/.\x08//g' page > plain; while read -r option; do grep -qF -e "$option" plain || echo "lacks $option"; done < options
      [ $(wc -l < options) -gt 4 ] && echo many
      """#)
    #expect(outcome.lines == ["0", "0", "many"], "\(outcome.output)\(outcome.errors)\(shell.file("warnings"))")
  }

  @Test("the page of all commands is good roff", .enabled(if: GeneratedTests.has("man"), "man is not installed"))
  func story() {
    let outcome = Shell().run("man --warnings -E UTF-8 -l '\(World.package)/man/d2.1' 2>&1 >/dev/null | wc -c")
    #expect(outcome.lines == ["0"])
  }

  @Test("each page has all sections, in their order, and the version of the commands", arguments: commands)
  func sections(command: String) {
    let outcome = Shell().run(
      "\(command) --describe | d2-pages man > page; grep '^.SH' page | cut -c5- | grep -v '^VERBS$' | tr '\\n' ','; echo; \(command) --version; head -1 page"
    )
    #expect(
      outcome.lines == [
        "NAME,SYNOPSIS,DESCRIPTION,OPTIONS,EXIT STATUS,ENVIRONMENT,FILES,EXAMPLES,SEE ALSO,",
        "\(command) \(D2.version)",
        ".TH \(command.uppercased()) 1 \(D2.date) \"d2 \(D2.version)\" d2",
      ], "\(outcome.output)")
    let described = Shell().run("\(command) --describe | d2-pages man | sed -n '/^.SH DESCRIPTION/,/^.SH/p' | wc -w")
      .lines.first
    #expect((described.flatMap { Int($0) } ?? 0) > 60, "the description is thin: \(described ?? "")")
  }

  @Test(
    "mandoc has no warning of a page", .enabled(if: GeneratedTests.has("mandoc"), "mandoc is not installed"),
    arguments: commands)
  func mandoc(command: String) {
    let outcome = Shell().run(
      "\(command) --describe | d2-pages man > page; mandoc -T lint -W warning page; groff -ww -man page 2>&1 >/dev/null; echo end"
    )
    #expect(outcome.lines == ["end"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("an example in a page is broken where a shell goes on, and its quotes are those of a keyboard")
  func examples() {
    let outcome = Shell().run("d2-slices --describe | d2-pages man | grep -A3 '^d2.-slices run .*e$'")
    #expect(
      outcome.lines.prefix(4) == [
        #"d2\-slices run \-\-pair hmis \e"#, #"  \-\- \(aqd2\-pull \-\-slice "$D2_SLICE" \-\-spool |"#,
        #"  jq \-c "select(.value != null)" |"#,
        #"  d2\-push \-\-slice "$D2_SLICE" \-\-rejects "$D2_REJECTS"\(aq"#,
      ], "\(outcome.output)")
  }

  @Test(
    "the pages of the scripts have what they say with --help",
    arguments: ["sync", "backlog", "continuous", "integrator", "reconcile"])
  func scripts(script: String) {
    let outcome = Shell().run(
      """
      '\(World.package)/scripts/\(script)' --help > help; '\(World.package)/scripts/lib/script-page' < help > page
      say heading "$(head -1 page | cut -d' ' -f3-)"; (( $(grep -c '^.SH' page) > 0 )) || echo "no section"; tr -d '\\\\' < page > plain
      grep -oE -e '--[a-z-]+' help | sort -u | while read -r option; do grep -qF -e "$option" plain || echo "lacks $option"; done
      if command -v mandoc > /dev/null; then mandoc -T lint -W warning page; fi
      """)
    #expect(outcome.output == "heading=1 \(D2.date) \"d2 \(D2.version)\" d2\n", "\(outcome.errors)")
  }

  @Test("bash completes verbs, options, choices and files")
  func bash() {
    let outcome = Shell().run(
      #"""
      touch a-file; complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _${1//-/_}; printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '; echo; }
      for command in d2-pull d2-slices d2-diff d2-map; do $command --describe | d2-pages bash > c; bash -n c && source ./c; done
      complete_of d2-pull --data-elem; complete_of d2-pull --compression ''; complete_of d2-pull --compression = g; complete_of d2-slices re
      complete_of d2-slices list --st; complete_of d2-slices --ver; complete_of d2-pull --summary a-; complete_of d2-pull --org-unit x; complete_of d2-diff a-
      complete_of d2-map s; complete_of d2-map suggest --min; complete_of d2-map --min; complete_of d2-map --un
      """#)
    #expect(
      outcome.output.split(separator: "\n").map { $0.trimmingSpaces } == [
        "--data-element --data-element-group --data-element-id-scheme", "gzip none", "gzip", "renew report reset",
        "--state --store", "--version", "a-file", "", "a-file", "suggest", "--min-confidence", "", "--unmapped",
      ], "\(outcome.output)\(outcome.errors)")
  }

  /// Pairs with names that a shell would make something of.
  private static let pairs = #"""
    export D2_STORE=$PWD/store
    number=0
    for name in hmis 'h i' 'h$(touch broken)' other; do
      d2-pairs add "$name" --source-url http://a.example/$((number += 1)) --source-pat env:A --destination-url http://b.example --destination-pat env:B --quiet > /dev/null
    done

    """#

  @Test("bash completes the names of pairs, and runs nothing that stands in one")
  func pairNames() {
    let outcome = Shell().run(
      Self.pairs + #"""
        for command in d2-pull d2-pairs; do $command --describe | d2-pages bash > c; source ./c; done
        COMP_WORDS=(d2-pull --pair h); COMP_CWORD=2; _d2_pull; printf '%s\n' "${COMPREPLY[@]}"
        COMP_WORDS=(d2-pairs show o); _d2_pairs; printf '%s\n' "${COMPREPLY[@]}"; ls broken 2>/dev/null
        """#)
    #expect(outcome.lines == ["hmis", "h i", "h$(touch broken)", "other"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("bash completes the pairs of the store that stands on the line, however it is written")
  func pairsOfStore() {
    let outcome = Shell().run(
      Self.pairs + #"""
        export HOME=$PWD; mkdir other; mv store other/a-store; unset D2_STORE
        for command in d2-pull d2-pairs; do $command --describe | d2-pages bash > c; source ./c; done
        d2-slices --describe | d2-pages bash sync '\#(World.package)/scripts/lib/options.tsv' > c; source ./c
        complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _${1//-/_}; echo "${COMPREPLY[@]}"; }
        complete_of d2-pull --store other/a-store --pair o; complete_of d2-pull --store = other/a-store --pair = o
        complete_of d2-pull --store '~/other/a-store' --pair o; complete_of d2-pull --store "'other/a-store'" --pair o
        complete_of d2-pairs show --store other/a-store o; complete_of d2-sync --store other/a-store o; complete_of d2-pull --pair o
        complete_of d2-pull --store '$(touch broken)' --pair o; ls broken 2>/dev/null
        # As bash takes an address apart.
        d2-pairs() { echo "$*" >> asked; }
        complete_of d2-pull --store postgresql : //d2 @ db.example : 5432/d2 --pair h; cat asked
        """#)
    #expect(
      outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) == Array(
        repeating: "other", count: 6) + [
          "", "", "", "list --format tsv --store postgresql://d2@db.example:5432/d2", "",
        ],
      "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "the scripts are completed too: all options of their help, and pairs where one is named",
    arguments: ["sync", "backlog", "continuous", "integrator", "reconcile"])
  func scriptFamily(script: String) {
    let outcome = Shell().run(
      Self.pairs + #"""
        d2-slices --describe | d2-pages bash \#(script) '\#(World.package)/scripts/lib/options.tsv' > c; echo $?; source ./c
        complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _${1//-/_}; printf '%s\n' "${COMPREPLY[@]}"; }
        complete_of d2-\#(script) -- | sort > offered
        # Options of its own, and where it passes others on, those.
        '\#(World.package)/scripts/\#(script)' --help | sed -E 's/d2-(slices|diff) [^)|;,]*//g' | grep -oE -e '--[a-z_-]+' | sort -u | grep -vxF -f offered
        awk -F'\t' '!/^#/ && ("," $1 ",") ~ /,\#(script),/ { print $2 }' '\#(World.package)/scripts/lib/options.tsv' > names
        tr ' ' '\n' < names | grep -e '^--' | sort -u > declared; [[ -s declared ]] || echo none; grep -vxF -f offered declared
        grep -cx -e --help offered; complete_of d2-\#(script) o; bash -n c && echo read
        for shell in zsh fish; do d2-slices --describe | d2-pages $shell \#(script) '\#(World.package)/scripts/lib/options.tsv' | grep -c 'd2-\#(script)' > many; [[ $(cat many) -gt 0 ]] && echo $shell; done
        """#)
    let pairs = script == "integrator" ? ["offered"] : ["other"]
    #expect(outcome.lines == ["0", "1"] + pairs + ["read", "zsh", "fish"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("bash completes states, strategies, codes and kinds, and the data sets and units of a pair")
  func values() throws {
    let world = try World(slicesIn: .sqlite, values: 10, level: nil)
    let set = world.metadata.dataSets[0]
    let unit = world.metadata.organisationUnits.last!.name
    let outcome = world.run(
      #"""
      complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _${1//-/_}; printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '; echo; }
      for command in d2-pull d2-push d2-slices d2-datasets d2-orgunits d2-map; do $command --describe | d2-pages bash > c; bash -n c && source ./c; done
      complete_of d2-slices list --state re; complete_of d2-push --import-strategy CREATE; complete_of d2-push --explain E764
      complete_of d2-map suggest --kind data; complete_of d2-pull --reporting-rate ACTUAL
      complete_of d2-slices plan --pair hmis --data-set "${SET:0:3}" | grep -c "$SET"; complete_of d2-pull --pair hmis -l "${UNIT:0:4}" | grep -cF "$UNIT"
      complete_of d2-datasets disable --pair hmis "${SET:0:3}" | grep -c "$SET"; complete_of d2-orgunits disable --pair = hmis "${UNIT:0:4}" | grep -cF "$UNIT"
      d2-slices --describe | d2-pages fish > all.fish; command -v fish > /dev/null || { echo "$SET"; exit 0; }
      fish --no-config -c "source all.fish; complete -C 'd2-slices plan --pair hmis --data-set ${SET:0:3}'" | cut -f1 | grep -Fx "$SET" | head -n 1
      """#, ["SET": set.name, "UNIT": unit])
    #expect(
      outcome.output.split(separator: "\n").map { $0.trimmingSpaces } == [
        "refused retry", "CREATE CREATE_AND_UPDATE", "E7640 E7641 E7642 E7643 E7644 E7645",
        "dataElement dataSet", "ACTUAL_REPORTS ACTUAL_REPORTS_ON_TIME", "1", "1", "1", "1", set.name,
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "zsh completes verbs, options, choices and pairs",
    .enabled(if: GeneratedTests.has("zsh"), "zsh is not installed"))
  func zsh() {
    // A pseudo-terminal of zsh. Its output after Tab is what a person sees.
    let outcome = Shell().run(
      Self.pairs + #"""
        mkdir f; for command in d2-pull d2-slices d2-pairs d2-map; do $command --describe | d2-pages zsh > f/_$command; done
        # Each line is completed and then printed instead of run.
        cat > init.zsh <<'END'
        PS1= RPS1= fpath=($PWD/f $fpath); unsetopt zle_bracketed_paste prompt_sp; stty cols 200 rows 100
        autoload -Uz compinit; compinit -u -d $PWD/dump
        accept() { print -r -- "GOT:$BUFFER:"; BUFFER=; zle .accept-line }; zle -N accept-line accept
        print READY
        END
        cat > ask.zsh <<'END'
        zmodload zsh/zpty; zpty z zsh -f -i; zpty -w z 'source ./init.zsh'; zpty -r -m z line '*READY*'
        for word in 'd2-pull --data-set-' 'd2-pull --compression g' 'd2-slices rep' 'd2-map sugg' 'd2-map suggest --min' \
          'd2-pull --pair hm' 'd2-pairs show oth'; do
          zpty -w -n z "$word"$'\t\n'; zpty -r -m z line '*GOT:*:*'; print -r -- "${${line##*GOT:}%%:*}"
        done
        END
        timeout 60 zsh -f ask.zsh; ls broken 2>/dev/null
        """#)
    #expect(
      outcome.lines.map { $0.trimmingSpaces } == [
        "d2-pull --data-set-id-scheme=", "d2-pull --compression gzip", "d2-slices report", "d2-map suggest",
        "d2-map suggest --min-confidence=", "d2-pull --pair hmis", "d2-pairs show other",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "fish completes verbs, options, choices and pairs",
    .enabled(if: GeneratedTests.has("fish"), "fish is not installed"))
  func fish() {
    let outcome = Shell().run(
      Self.pairs + #"""
        for command in d2-pull d2-slices d2-pairs d2-map; do $command --describe | d2-pages fish; done > all.fish
        export HOME=$PWD XDG_CONFIG_HOME=$PWD/config
        for line in 'd2-pull --data-set-' 'd2-pull --compression g' 'd2-slices rep' 'd2-map sugg' 'd2-map suggest --min' \
          'd2-map --min' 'd2-pull --pair hm' 'd2-pairs show oth'; do
          fish --no-config -c "source all.fish; complete -C '$line'" | cut -f1 | tr '\n' ' '; echo
        done; ls broken 2>/dev/null
        """#)
    #expect(
      outcome.output.split(separator: "\n").map { $0.trimmingSpaces } == [
        "--data-set-id-scheme", "gzip", "report", "suggest", "--min-confidence", "hmis", "other",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "zsh and fish read their completions",
    .enabled(if: GeneratedTests.has("zsh") && GeneratedTests.has("fish"), "zsh or fish is not installed"),
    arguments: commands)
  func others(command: String) {
    for (shell, check) in [("zsh", "zsh -n"), ("fish", "fish -n")] {
      let outcome = Shell().run("\(command) --describe | d2-pages \(shell) > c; \(check) c; echo $?")
      #expect(outcome.lines == ["0"], "\(outcome.output)\(outcome.errors)")
    }
    let outcome = Shell().run(
      "\(command) --describe | d2-pages zsh | head -1; \(command) --describe | d2-pages fish | grep -c '^complete -c \(command) '; \(command) --describe | d2-pages word; echo $?"
    )
    #expect(outcome.lines.first == "#compdef \(command)" && outcome.lines.last == "64", "\(outcome.output)")
  }
}

extension StringProtocol {
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " || $0 == "\r" }.reversed().drop { $0 == " " || $0 == "\r" }.reversed())
  }
}
