import D2Common
import Glibc
import TestSupport
import Testing
import WaitingTests

@Suite("scripts/install", .waiting)
struct InstallTests {
  /// A work folder with the scripts, whose builds are the binaries under test, and in which nothing is built or
  /// fetched.
  private static func shell() -> Shell {
    let shell = Shell()
    let made = shell.run(
      #"""
      package='\#(World.package)'
      cp -r "$package/scripts" "$package/man" .; mkdir -p Sources/D2Common .build/release bin
      cp "$package/Sources/D2Common/D2.swift" Sources/D2Common; printf '#!/bin/sh\n' > scripts/setup
      for command in d2 d2-pages; do ln -s "$(command -v $command)" .build/release; done
      printf '#!/bin/sh\necho Swift version 6.1\n' > bin/swift; chmod +x bin/swift
      """#)
    guard made.status == 0 else { fatalError("no scripts: \(made.errors)") }
    return shell
  }

  @Test(
    "what is installed belongs to who installs it, whoever's what was built is, and all of it can be taken out",
    .enabled(if: geteuid() == 0, "only root can have files of others"))
  func owner() {
    let outcome = Self.shell().run(
      #"""
      printf '#!/bin/sh\necho "$@" >> staged\nexec %s -o nobody "$@"\n' "$(command -v install)" > bin/install; chmod +x bin/install
      PATH=$PWD/bin:$PATH; umask 077
      scripts/install --prefix "$PWD/prefix" > out 2>&1; echo $?
      [ $(wc -l < staged) -gt 30 ] && echo staged; find prefix ! -user root -o ! -group 0 | wc -l
      (cd prefix && find . ! -type d -printf '%P\n' | LC_ALL=C sort) | cmp - <(LC_ALL=C sort prefix/lib/d2/installed); echo $?
      find prefix -type d ! -perm 755 -o -type f ! -perm 644 ! -perm 755 | wc -l; prefix/bin/d2-sync --help | head -1
      scripts/install --prefix "$PWD/prefix" --uninstall 2> /dev/null; echo $?; ls prefix 2> /dev/null | wc -l
      """#)
    #expect(
      outcome.lines == [
        "0", "staged", "0", "0", "0", "d2-sync - bring a pair's destination up to date", "0", "0",
      ], "\(outcome.output)\(outcome.errors)")
  }
}
