import TestSupport
import Testing
import WaitingTests

/// Which Swift scripts/setup finds, and what it does without one.
@Suite("scripts/setup", .waiting)
struct SetupTests {
  /// A work folder with the scripts, on whose PATH is all that the system has but Swift; each package of Debian is
  /// there.
  private static func shell() -> Shell {
    let shell = Shell()
    let made = shell.run(
      #"""
      cp -r '\#(World.package)/scripts' .; mkdir none old new
      ln -s /usr/bin/* none 2> /dev/null; rm -f none/swift none/dpkg-query
      printf '#!/bin/sh\necho install ok installed\n' > none/dpkg-query; chmod +x none/dpkg-query
      fake() { printf '#!/bin/sh\necho "Swift version %s (swift-%s-RELEASE)"\n' $2 $2 > $1/swift; chmod +x $1/swift; }
      fake old 5.10.1; fake new 6.10
      # The real one downloads 650 MB: scripts/lib/check-setup tries it.
      printf '#!/bin/sh\nmkdir -p "$1/bin"; cp ../new/swift "$1/bin"; echo "made $1"\n' > scripts/lib/install-swift
      mkdir here
      """#)
    guard made.status == 0 else { fatalError("no scripts: \(made.errors)") }
    return shell
  }

  /// Runs a line with only these folders in the PATH, in the home folder, which appears as `~` in the output.
  private static func run(_ path: String, _ line: String) -> Shell.Outcome {
    shell().run(
      """
      cd here; export HOME=$PWD PATH=\(path); unset D2_SWIFT_HOME XDG_CACHE_HOME
      { \(line); } | sed "s|$HOME|~|g"
      """)
  }

  @Test("an installed Swift that is new enough is used, and said")
  func installed() {
    let outcome = Self.run("$PWD/../new:$PWD/../none", "../scripts/setup; echo $?; ../scripts/setup --check; echo $?")
    #expect(outcome.lines == ["0", "Swift 6.10: ~/../new/swift", "0"], "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("setup: Swift 6.10: "), "\(outcome.errors)")
  }

  @Test("without Swift, or with an old one, Debian's is unpacked into the user's cache", arguments: ["none", "old"])
  func hidden(folder: String) {
    let outcome = Self.run(
      "$PWD/../\(folder):$PWD/../none",
      """
      ../scripts/setup --check; echo $?; ls -A; ../scripts/setup; echo $?; ../scripts/setup --check; echo $?; ../scripts/setup
      """)
    #expect(
      outcome.lines == [
        "missing: Swift 6.1 or later; scripts/setup puts that of Debian's package swiftlang into ~/.cache/d2/swift",
        "1",
        "made ~/.cache/d2/swift", "0", "Swift 6.10: ~/.cache/d2/swift/bin/swift", "0",
      ], "\(outcome.errors)")
  }

  @Test("git runs the lint before each commit once it is told to")
  func hooks() {
    let outcome = Self.shell().run(
      """
      git init -q . && scripts/setup --hooks 2> /dev/null; printf '#!/bin/sh\\necho linted; exit 1\\n' > scripts/lint
      commit() { git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m "$1" 2>&1; echo $?; }
      commit one; scripts/setup --no-hooks; commit two
      """)
    #expect(outcome.lines == ["linted", "1", "0"], "\(outcome.output)\(outcome.errors)")
  }
}
