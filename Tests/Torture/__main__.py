"""d2 under everything that goes wrong: scripts/torture. README.md beside this file tells how it is made."""

import argparse
import os
import shutil
import subprocess
import sys

import chaos
import faults
import kills
import load
import processes
import sanitize
import soak
import store

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = {"faults": faults, "kills": kills, "soak": soak, "load": load, "chaos": chaos, "sanitize": sanitize}
# Those whose commands are run: sanitize builds tests of its own.
RUNS_COMMANDS = {"faults", "kills", "soak", "load", "chaos"}
HAS_STORE = {"faults", "kills", "soak", "chaos"}


class Parser(argparse.ArgumentParser):
    """Ends as the commands do where a command line is wrong."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def parser():
    whole = Parser(
        prog="scripts/torture", description="d2 under everything that goes wrong, and the proof that no value is lost",
        epilog="status: 0 all of it holds; 1 something does not; 64 the command line is wrong")
    tools = whole.add_subparsers(dest="tool", required=True, metavar="|".join(TOOLS))
    for name, tool in TOOLS.items():
        summary, _, description = tool.__doc__.partition("\n\n")
        one = tools.add_parser(name, help=summary, description=f"{summary}\n\n{description.strip()}",
                               formatter_class=argparse.RawDescriptionHelpFormatter)
        tool.add_options(one)
        if name in HAS_STORE:
            one.add_argument("--store", choices=store.KINDS, help="only on this kind of store (default: on both)")
        if name in RUNS_COMMANDS:
            one.add_argument("--binaries", metavar="FOLDER", help=(
                "the commands to run, with dhis2-stand-in (default: a release build of this checkout, which is made "
                "first; outside of a checkout those on the PATH)"))
    return whole


def in_shell(line):
    """Runs a line of bash with the toolchain that the scripts use."""
    start = "source scripts/lib/environment.sh; have_swift || { scripts/setup && have_swift; } || exit; "
    return subprocess.run(["bash", "-c", start + line], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)


def binaries(options):
    """The folder of the commands; ends the program where there is none."""
    folder = options.binaries
    if not folder and os.path.exists(f"{ROOT}/Package.swift"):
        if (status := in_shell("build_release").returncode) != 0:
            sys.exit(status)
        folder = f"{ROOT}/.build/release"
    found = shutil.which("dhis2-stand-in", path=folder or os.environ["PATH"])
    if not found:
        sys.exit(f"torture: no dhis2-stand-in in {folder or 'the PATH'}: swift build makes it with the commands")
    return os.path.dirname(os.path.abspath(found))


def main():
    options = parser().parse_args()
    tool = TOOLS[options.tool]
    kinds = ["sqlite"] if options.tool == "load" else list(store.KINDS)
    if getattr(options, "store", None):
        kinds = [options.store]
    if "postgresql" in kinds and store.SERVER not in os.environ:
        # The same again beside a PostgreSQL that is made for it.
        server = f"{ROOT}/scripts/lib/test-postgresql"
        os.execv(server, [server, sys.executable, os.path.dirname(os.path.abspath(__file__)), *sys.argv[1:]])
    processes.leave_nothing_behind()
    if options.tool == "sanitize":
        os.environ["PATH"] = in_shell('echo "$PATH"').stdout.strip()
        os.chdir(ROOT)
        return tool.run(options, "", "")
    folder = binaries(options)
    is_whole = True
    for kind in kinds:
        with store.database(kind) as address:
            is_whole &= tool.run(options, folder, address)
    return is_whole


if __name__ == "__main__":
    try:
        sys.exit(0 if main() else 1)
    except KeyboardInterrupt:
        sys.exit(130)
