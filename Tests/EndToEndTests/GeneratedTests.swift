import D2Common
import TestSupport
import Testing

@Suite("Manual pages and completions")
struct GeneratedTests {
  private static let commands = [
    "d2-pull", "d2-push", "d2-pairs", "d2-orgunits", "d2-datasets", "d2-slices", "d2-diff", "d2-map",
  ]

  private static func has(_ program: String) -> Bool { Shell().run("command -v \(program)").status == 0 }

  @Test("each command's page is good roff and has all options of its help", arguments: commands)
  func pages(command: String) {
    let shell = Shell()
    let outcome = shell.run(
      #"""
      \#(command) --generate man > page.1; echo $?
      if command -v man > /dev/null; then MANWIDTH=200 man --warnings -E UTF-8 -l page.1 > page 2> warnings; wc -c < warnings; else sed 's/\\//g' page.1 > page; echo 0; fi
      { \#(command) --help; for verb in $(\#(command) --help | sed -n '/^Verbs/,/^$/p' | awk '/^  / { print $1 }'); do \#(command) $verb --help; done; } |
        grep -oE '^  (-[a-z], )?--[a-z-]+' | grep -oE -e '--[a-z-]+' | sort -u > options
      sed 's/\x1b\[[0-9;]*m//g; s/.\x08//g' page > plain; while read -r option; do grep -qF -e "$option" plain || echo "lacks $option"; done < options
      [ $(wc -l < options) -gt 4 ] && echo many
      """#)
    #expect(outcome.lines == ["0", "0", "many"], "\(outcome.output)\(outcome.errors)\(shell.file("warnings"))")
  }

  @Test("the page of all commands is good roff")
  func story() {
    guard Self.has("man") else { return }
    let outcome = Shell().run("man --warnings -E UTF-8 -l '\(SliceWorld.package)/man/d2.7' 2>&1 >/dev/null | wc -c")
    #expect(outcome.lines == ["0"])
  }

  @Test("bash completes verbs, options, choices and files")
  func bash() {
    let outcome = Shell().run(
      #"""
      touch a-file; complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _${1//-/_}; echo "${COMPREPLY[*]}"; }
      for command in d2-pull d2-slices d2-diff; do $command --generate bash > c; bash -n c && source ./c; done
      complete_of d2-pull --data-elem; complete_of d2-pull --compression ''; complete_of d2-slices re; complete_of d2-slices list --st
      complete_of d2-slices reset --st; complete_of d2-pull --summary a-; complete_of d2-pull --org-unit x; complete_of d2-diff a-
      """#)
    #expect(
      outcome.lines == [
        "--data-element --data-element-group --data-element-id-scheme", "gzip none", "report renew reset",
        "--state --store",
        "--state --store", "a-file", "a-file",
      ]
        || outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).dropLast() == [
          "--data-element --data-element-group --data-element-id-scheme", "gzip none", "report reset renew",
          "--state --store",
          "--state --store", "a-file", "", "a-file",
        ], "\(outcome.output)\(outcome.errors)")
  }

  @Test("zsh and fish read their completions", arguments: commands)
  func others(command: String) {
    for (shell, check) in [("zsh", "zsh -n"), ("fish", "fish -n")] where Self.has(shell) {
      let outcome = Shell().run("\(command) --generate \(shell) > c; \(check) c; echo $?")
      #expect(outcome.lines == ["0"], "\(outcome.output)\(outcome.errors)")
    }
    let outcome = Shell().run(
      "\(command) --generate zsh | head -1; \(command) --generate fish | grep -c '^complete -c \(command) '; \(command) --generate word; echo $?"
    )
    #expect(outcome.lines.first == "#compdef \(command)" && outcome.lines.last == "64", "\(outcome.output)")
  }
}
