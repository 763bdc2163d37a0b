# shellcheck shell=bash
# Sourced by scripts/bench: compares the size of the package and the tarball with those of one file for each command.
# shellcheck disable=SC2154  # work is set there.

# size_row WHAT BEFORE BYTES BAR, in MB.
size_row() {
  awk -v what="$1" -v before="$2" -v bytes="$3" -v bar="$4" 'BEGIN {
    printf "| %s | %s | %.1f MB | %d MB | %s |\n", what, before, bytes / 1e6, bar,
      bytes <= bar * 1e6 ? "met" : "**missed**" }'
}

measured_size() {
  local deb tarball
  scripts/package --out "$work/packages" >&2
  deb=$(echo "$work"/packages/*.deb) tarball=$(echo "$work"/packages/*.tar.xz)
  mkdir "$work/unpacked"
  tar -xJf "$tarball" -C "$work/unpacked"
  echo
  echo "### Size"
  echo
  echo "Before: eight commands, each with a Swift runtime. The tarball contains libcurl, libpq, SQLite and the"
  echo "libraries that they need. The package uses the system's."
  echo
  echo "| | before | now | at most | |"
  echo "|---|--:|--:|--:|---|"
  size_row "package" "21 MB" "$(stat -c %s "$deb")" 8
  size_row "package, installed" "77 MB" "$(($(dpkg-deb -f "$deb" Installed-Size) * 1024))" 25
  size_row "tarball" "38 MB" "$(stat -c %s "$tarball")" 8
  size_row "tarball, unpacked" "not measured" "$(du -sb "$work/unpacked" | cut -f1)" 25
}
