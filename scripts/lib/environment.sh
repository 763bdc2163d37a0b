# shellcheck shell=bash
# Sourced by the scripts: finds Swift, runs commands as root, and builds the release.

D2_SWIFT_HOME=${D2_SWIFT_HOME:-${XDG_CACHE_HOME:-${HOME-~}/.cache}/d2/swift}

# Where tools of Python are that only some checks need: scripts/lib/check-examples --install puts them there.
D2_TOOLS=${D2_TOOLS:-${XDG_CACHE_HOME:-${HOME-~}/.cache}/d2/tools}

# The oldest Swift that builds d2: as in .swift-version, and in Package.swift.
least_swift=6.1

# The version of the swift on the PATH; empty if there is no swift.
swift_version() {
  swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+(\.[0-9]+)+).*/\1/p' | head -n 1 || true
}

# True if a Swift that is new enough is on the PATH or in the private toolchain (which is then put on the PATH).
have_swift() {
  local version
  version=$(swift_version)
  [[ ! $version || $(printf '%s\n' "$least_swift" "$version" | sort -V | head -n 1) != "$least_swift" ]] || return 0
  [[ -x $D2_SWIFT_HOME/bin/swift && :$PATH: != *":$D2_SWIFT_HOME/bin:"* ]] || return 1
  PATH=$D2_SWIFT_HOME/bin:$PATH
  have_swift
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Installs packages of Debian with their dependencies, and nothing else.
apt_install() { # PACKAGE…
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Builds the release binaries with Swift's runtime linked in, so that they run on machines without Swift.
#
# The same sources give the same bytes:
# - The binary contains neither the name of this folder nor an id that depends on it.
# - Some choices of the compiler depend on addresses, so these are the same each time. A container may forbid that.
#
# The linker makes the table of functions read-only (now), as for Debian's own packages.
build_release() {
  local alike=(setarch --addr-no-randomize)
  "${alike[@]}" true 2>/dev/null || alike=()
  "${alike[@]}" swift build -c release --static-swift-stdlib -Xswiftc -file-prefix-map -Xswiftc "$PWD=d2" \
    -Xcc "-ffile-prefix-map=$PWD=d2" -Xlinker --build-id=none -Xlinker -z -Xlinker now \
    -Xlinker --no-export-dynamic "$@" >&2
}

# The version of d2, or its date, from the only place that has them.
d2_fact() { # version|date
  sed -n "s/.*static let $1 = \"\(.*\)\"/\1/p" Sources/D2Common/D2.swift
}

# The shell scripts of the package, one a line, known by their first line.
files_of_shell() {
  local file first
  git ls-files -co --exclude-standard | while read -r file; do
    { read -r first <"$file"; } 2>/dev/null || continue
    [[ $first != '#!'*bash && $first != '# shellcheck shell='* ]] || printf '%s\n' "$file"
  done
}
