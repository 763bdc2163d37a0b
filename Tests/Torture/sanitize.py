"""the tests of what happens at once, under the thread sanitizer

Runs the unit tests of threads of our own and what they share, and of stores and ledgers that several hold open. Built
apart (.build/tsan): the first time takes several minutes.

Status 1 where a test failed, or a race was seen, which is told on stderr.
"""

import os
import shutil
import subprocess
import sys
import time

SUITES = "|".join((
    "LineOutputTests", "LineReaderTests", "SpoolFileTests", "CircuitBreakerTests", "ComparisonTests",
    "PartitionedRecordsTests", "DeliveryStateTests", "LineLocatorTests", "AccountTests", "WindowTests", "LedgerTests",
    "LedgerModelTests", "PlanRivalsTests", "DatabaseTests", "StoreErrorTests"))
# What the sanitizer's libraries lack on this machine, and what they cannot see of Swift's locks.
COMPATIBILITY = ("scripts/lib/sanitizer-compat.c", "Tests/Torture/thread-sanitizer-compat.c")


def add_options(parser):
    parser.add_argument("--filter", default=SUITES, metavar="PATTERN", help=f"the suites that match (default {SUITES})")


def run(options, _, __):
    scratch = ".build/tsan"
    os.makedirs(scratch, exist_ok=True)
    words = ["--sanitize=thread", "--scratch-path", scratch]
    for source in COMPATIBILITY:
        compiled = os.path.abspath(f"{scratch}/{os.path.basename(source)}.o")
        subprocess.run(["clang", "-O2", "-c", source, "-o", compiled], check=True)
        words += ["-Xlinker", compiled]
    begun = time.monotonic()
    build = subprocess.run(["swift", "build", "--build-tests", *words], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, check=False)
    if build.returncode != 0:
        sys.stderr.buffer.write(build.stdout)
        sys.exit(70)
    print(f"sanitize: built in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    symbolizer = os.path.join(os.path.dirname(os.path.realpath(shutil.which("swift"))), "llvm-symbolizer")
    environment = {**os.environ, "TSAN_OPTIONS": f"exitcode=66 external_symbolizer_path={symbolizer}",
                   "SWIFT_BACKTRACE": "enable=no"}
    tests = ["swift", "test", "--skip-build", *words, "--filter", options.filter]
    return subprocess.run(tests, env=environment, check=False).returncode == 0
