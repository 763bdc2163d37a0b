# shellcheck shell=bash
# Sourced by the scripts: where Swift is, and how to act as root.

D2_SWIFT_HOME=${D2_SWIFT_HOME:-${XDG_CACHE_HOME:-${HOME-~}/.cache}/d2/swift}

# True where a Swift of at least 6.1 is on the PATH, or in the private toolchain (which is then put on the PATH).
have_swift() {
  local version
  version=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9.]+$') || version=0.0
  if (($(echo "$version" | cut -d. -f1) * 100 + $(echo "$version" | cut -d. -f2) >= 601)); then return 0; fi
  [[ -x $D2_SWIFT_HOME/bin/swift && :$PATH: != *":$D2_SWIFT_HOME/bin:"* ]] || return 1
  PATH=$D2_SWIFT_HOME/bin:$PATH
  have_swift
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Builds the release binaries: Swift's runtime linked in, so that they run where no Swift is.
build_release() {
  swift build -c release --static-swift-stdlib "$@" >&2
}

# The version of d2, or its date, from the one place where they stand.
d2_fact() { # version|date
  sed -n "s/.*static let $1 = \"\(.*\)\"/\1/p" Sources/D2Common/D2.swift
}
