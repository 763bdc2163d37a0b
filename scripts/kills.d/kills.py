"""Kills each command at random moments and holds what it left to what is promised. scripts/kills --help tells the rest."""

import argparse
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(SCRIPTS, "faults.d"), os.path.join(SCRIPTS, "lib")]

import termination  # noqa: E402
from matrix import Broken, World, promise  # noqa: E402
from scenes import SCENES  # noqa: E402
from store import Store  # noqa: E402

# How often a command is timed before, and how much later than that the last kill comes.
TIMED_RUNS, LATEST = 5, 1.1
# A request takes a moment, as it does in life: else there would be none in which to die.
LATENCY = '[{"kind":"latency","seconds":0.008,"times":0,"path":"/api"}]'


class Victims(World):
    """The two servers, and how a command dies."""

    def __init__(self, binaries, address, draw):
        super().__init__(binaries, address)
        self.draw = draw
        self.temporary = self.folder + "/tmp"
        os.mkdir(self.temporary)
        self.environment["TMPDIR"] = self.temporary
        for url in (self.source, self.destination):
            self.fetch(url, "/control/faults", "POST", LATENCY.encode())

    def path(self, name):
        return f"{self.folder}/{name}"

    def begin(self, arguments, source, target, more):
        with open(source, "rb") as read, open(target, "wb") as write, open(self.path("stderr"), "wb") as errors:
            return subprocess.Popen(
                arguments, cwd=self.folder, env={**self.environment, **more}, stdin=read, stdout=write, stderr=errors, start_new_session=True)

    def strike(self, arguments, usual, source="/dev/null", target="/dev/null", **more):
        """Begins a command and kills it, or not where it is done before. Returns whether it was killed."""
        delay = self.draw.uniform(0, usual * LATEST)
        process = self.begin(arguments, source, target, more)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        self.wait_for_orphans(process.pid)
        return process.returncode == -signal.SIGKILL

    def undisturbed(self, arguments, source="/dev/null", target="/dev/null", **more):
        """Runs a command to its end. Returns its status and how long it took."""
        begun = time.monotonic()
        process = self.begin(arguments, source, target, more)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Broken(f"{arguments[0]} hangs after a kill") from None
        return process.returncode, time.monotonic() - begun

    def errors(self):
        return self.read("stderr").decode("utf-8", "replace")[:3000]

    def read(self, name):
        try:
            with open(self.path(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def wait_for_orphans(self, session):
        """What a command began dies with it."""
        until = time.monotonic() + 10
        while left := self.in_session(session):
            promise(time.monotonic() < until, f"processes are left: {left}")
            time.sleep(0.005)

    @staticmethod
    def in_session(session):
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    rest = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(rest[3]) == session and rest[0] not in "ZX":
                found.append(int(name))
        return found

    def look_at_files(self):
        """Nothing that may hold a secret or data can be read by others; a temporary file has no name."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = f"{folder}/{name}"
                private = folder.startswith(self.temporary) or name.startswith(("store.", "rejects"))
                if private and os.stat(path).st_mode & 0o077 and not os.stat(folder).st_mode & 0o077 == 0:
                    raise Broken(f"others can read {path}")
        loose = [name for name in os.listdir(self.temporary) if os.path.isfile(f"{self.temporary}/{name}")]
        promise(not loose, f"temporary files are left: {loose}")


def run(scene, world, store, kills):
    """Kills one command so often. Returns a row of the table."""
    scene.prepare()
    usual = statistics.median(scene.undisturbed() for _ in range(TIMED_RUNS))
    killed = ended = 0
    broken = []
    begun = told = time.monotonic()
    while killed < kills:
        try:
            if scene.strike(usual):
                killed += 1
            else:
                ended += 1
            store.check()
            world.look_at_files()
            scene.check()
            if scene.leaves_state or world.draw.random() < 0.1:
                scene.settle()
        except Broken as reason:
            broken.append(str(reason))
            print(f"kills: BROKEN: {scene.title}, kill {killed}: {reason}", file=sys.stderr, flush=True)
            if len(broken) > 5:
                break
            scene.prepare()
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"kills: {scene.title}: {killed} of {kills}", file=sys.stderr, flush=True)
    print(f"kills: {scene.title}: {killed} kills, {ended} ended before, {len(broken)} promises broken, {time.monotonic() - begun:.0f} s",
          file=sys.stderr, flush=True)
    return f"| `{scene.title}` | {store.kind} | {usual * 1000:.0f} | {killed} | {ended} | {len(broken) or 'none'} |", len(broken)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--command", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", default="")
    options = parser.parse_args()
    termination.leaves_nothing_behind()
    draw = random.Random(options.seed)
    world = Victims(os.path.dirname(shutil.which("d2-slices")), options.store, draw)
    rows, broken = [], 0
    try:
        store = Store(world)
        for kind in SCENES:
            if options.command in kind.title:
                row, count = run(kind(world, store), world, store, options.kills)
                rows.append(row)
                broken += count
    finally:
        world.stop()
    print("| command | store | takes ms | kills | ended before | promises broken |\n|---|---|--:|--:|--:|--:|")
    print("\n".join(rows), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
