"""Lets scripts/continuous run through a compressed day with faults, and holds what it left to what is promised. scripts/soak --help tells the rest."""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(SCRIPTS, "faults.d"), os.path.join(SCRIPTS, "kills.d"), os.path.join(SCRIPTS, "lib")]

import termination  # noqa: E402
from matrix import SYNC, Broken, World, promise, ready  # noqa: E402
from store import Store  # noqa: E402

from gate import Gate  # noqa: E402

ROUND_SECONDS, ROUNDS_AN_HOUR = 600, 6
# Real seconds that a round may take, with all that goes wrong in it.
PATIENCE = 300
FAULTS = [
    {"kind": "status", "status": 500}, {"kind": "status", "status": 502}, {"kind": "status", "status": 503},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}, {"kind": "cut-body", "after": 700},
    {"kind": "cut-body", "after": 700, "framing": "close"}, {"kind": "reset"}, {"kind": "reset", "after": 300},
    {"kind": "stall", "after": 300, "seconds": 2}, {"kind": "slow-first-byte", "seconds": 2}, {"kind": "latency", "seconds": 0.5},
    {"kind": "lost-answer"}, {"kind": "garbage-chunk", "after": 200}, {"kind": "gzip-truncated", "after": 200}, {"kind": "login-page"},
    {"kind": "bandwidth", "bytes": 65536}, {"kind": "partial-import"},
]
PATHS = ["/api/dataValueSets", "/api/dataValueSets", "/api/dataValueSets", "/api/organisationUnits", "/api/dataSets", "/api/system/info", "/api"]
# What the commands of a round are called.
COMMANDS = {"d2-slices", "d2-pull", "d2-push", "d2-orgunits", "d2-datasets"}


class Soak:
    def __init__(self, world, store, draw, hours):
        self.world, self.store, self.draw, self.rounds = world, store, draw, hours * ROUNDS_AN_HOUR
        self.gates = [Gate(world.source), Gate(world.destination)]
        self.temporary = world.folder + "/tmp"
        os.mkdir(self.temporary)
        world.environment |= {
            "TMPDIR": self.temporary, "XDG_STATE_HOME": world.folder + "/state", "D2_RETRY_AFTER": "1s", "D2_GIVE_UP_AFTER": "20s"}
        world.environment.pop("XDG_RUNTIME_DIR", None)
        self.log = world.folder + "/log"
        self.counts = {"faults": 0, "unreachable": 0, "store": 0, "kills": 0, "written": 0, "failed rounds": 0, "parked": 0}
        self.samples = []
        self.largest = 0
        self.values = [json.loads(line) for line in world.values.splitlines()]
        self.values = [value for value in self.values if value["value"].isdigit() and not value.get("deleted")]

    def start(self):
        source, destination = (gate.url for gate in self.gates)
        ready(self.world, source, destination, SYNC + " && d2-datasets set --pair p --include-deleted on all > /dev/null")
        self.process = subprocess.Popen(
            ["bash", os.path.join(SCRIPTS, "continuous"), "p", "--interval", str(ROUND_SECONDS), "--jobs", "2", "--overlap", "15m"], cwd=self.world.folder,
            env=self.world.environment, stdin=subprocess.DEVNULL, stdout=open(self.log, "ab"), stderr=subprocess.STDOUT, start_new_session=True)
        # The first round moves everything.
        self.wait_for_round(0)

    def ended(self):
        """How each round so far ended: whether well."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return ["up to date" in line for line in file if "up to date" in line or "not all went well" in line]

    def begin_round(self):
        """Ten minutes pass at once: the servers' clocks go on, and the pause of continuous is over."""
        before = len(self.ended())
        for url in (self.world.source, self.world.destination):
            self.world.fetch(url, "/control/clock", "POST", json.dumps({"advanceSeconds": ROUND_SECONDS}).encode())
        os.kill(self.pause(), signal.SIGTERM)
        return before

    def pause(self):
        """The process that continuous waits for between two rounds."""
        until = time.monotonic() + PATIENCE
        while True:
            found = [pid for pid, name in self.session() if name == "sleep"]
            if found:
                return found[0]
            promise(time.monotonic() < until, "continuous does not pause")
            time.sleep(0.02)

    def wait_for_round(self, before):
        until = time.monotonic() + PATIENCE
        while len(self.ended()) <= before:
            promise(time.monotonic() < until, f"a round takes more than {PATIENCE} s")
            promise(self.process.poll() is None, "continuous has ended")
            self.look_at_commands()
            time.sleep(0.1)
        self.pause()

    # MARK: What happens

    def write(self):
        """Values that people enter: changed, deleted, brought back. Small ones, which are percentages too."""
        lines = []
        for value in self.draw.sample(self.values, self.draw.randint(1, 12)):
            kept = {name: value[name] for name in ("dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo") if name in value}
            lines.append(json.dumps({**kept, "value": str(self.draw.randint(1, 100)), "deleted": self.draw.random() < 0.15}))
        self.world.fetch(self.world.source, "/control/values", "POST", ("\n".join(lines) + "\n").encode())
        self.counts["written"] += len(lines)

    def disturb(self):
        kind = self.draw.random()
        if kind < 0.70:
            for _ in range(self.draw.randint(1, 3)):
                fault = {**self.draw.choice(FAULTS), "times": self.draw.randint(1, 4), "skip": self.draw.randint(0, 3), "path": self.draw.choice(PATHS)}
                self.world.fetch(self.draw.choice([self.world.source, self.world.destination]), "/control/faults", "POST", json.dumps([fault]).encode())
                self.counts["faults"] += 1
        elif kind < 0.82:
            gate = self.draw.choice(self.gates)
            gate.shut()
            time.sleep(self.draw.uniform(0.5, 6))
            gate.open()
            self.counts["unreachable"] += 1
        elif kind < 0.92:
            self.strike_store()
            self.counts["store"] += 1
        else:
            running = [pid for pid, name in self.session() if name in COMMANDS]
            if running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.draw.choice(running), signal.SIGKILL)
                    self.counts["kills"] += 1

    def strike_store(self):
        if self.world.store:
            for _ in range(self.draw.randint(1, 5)):
                self.store.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
                time.sleep(self.draw.uniform(0, 0.3))
        else:
            connection = sqlite3.connect(self.world.folder + "/store.sqlite", timeout=20, isolation_level=None)
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(self.draw.uniform(0.5, 3))
            connection.execute("ROLLBACK")
            connection.close()

    def round(self):
        before = self.begin_round()

        def happen():
            for _ in range(self.draw.randint(1, 4)):
                time.sleep(self.draw.uniform(0, 0.8))
                self.write()
            if self.draw.random() < 0.7:
                self.disturb()

        events = threading.Thread(target=happen)
        events.start()
        self.wait_for_round(before)
        events.join()
        # What nobody met is not left to pile up.
        if self.draw.random() < 0.2:
            self.heal()
        if not self.ended()[before]:
            self.counts["failed rounds"] += 1
        self.look()

    def heal(self):
        for url in (self.world.source, self.world.destination):
            self.world.fetch(url, "/control/faults", "DELETE")

    # MARK: What is seen

    def session(self):
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if f"TMPDIR={self.temporary}".encode() not in file.read().split(b"\0"):
                        continue
                with open(f"/proc/{name}/comm", encoding="utf-8") as file:
                    found.append((int(name), file.read().strip()))
            except OSError:
                continue
        return found

    def look_at_commands(self):
        for pid, name in self.session():
            if name == "d2-slices":
                try:
                    with open(f"/proc/{pid}/status", encoding="ascii") as file:
                        self.largest = max(self.largest, next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmHWM")))
                except (OSError, StopIteration):
                    pass

    def look(self):
        """Between two rounds: what lives on. What was killed, and what dies with it, has a moment to be gone."""
        until = time.monotonic() + 5
        while len(self.session()) > 2 and time.monotonic() < until:
            time.sleep(0.1)
        root = f"/proc/{self.process.pid}"
        with open(root + "/status", encoding="ascii") as file:
            memory = next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmRSS"))
        if self.world.store:
            size = int(self.store.rows("SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'matrix'::regnamespace AND relkind = 'r'")[0][0])
        else:
            size = os.stat(self.world.folder + "/store.sqlite").st_size
        self.samples.append({
            "memory": memory, "files": len(os.listdir(root + "/fd")), "processes": len(self.session()),
            "temporary": len(os.listdir(self.temporary)), "store": size / 1e6, "rows": sum(self.store.count(table) for table in ("slices", "sync_windows"))})

    def finish(self):
        """A quiet end: all is delivered."""
        self.heal()
        for pid in self.store.rows("SELECT id FROM slices WHERE state IN ('refused', 'failed')"):
            self.counts["parked"] += 1
        if self.counts["parked"]:
            self.world.run("d2-slices reset --pair p --state failed,refused --quiet")
        until = time.monotonic() + PATIENCE
        quiet = 0
        while quiet < 2:
            promise(time.monotonic() < until, "no undisturbed round ends well")
            before = self.begin_round()
            self.wait_for_round(before)
            quiet = quiet + 1 if self.ended()[before] else 0
        self.look()
        source, destination = self.world.held(self.world.source), self.world.held(self.world.destination)
        lost = [found for found, value in source.items() if destination.get(found) != value]
        more = [found for found in destination if found not in source]
        promise(not lost and not more, f"the destination lacks {len(lost)} values and has {len(more)} others: {(lost + more)[:3]}")
        promise(self.store.count("slices", "state <> 'done'") == 0, "slices are not done")
        os.kill(self.process.pid, signal.SIGTERM)
        promise(self.process.wait(60) == 143, "continuous did not end in good order")
        until = time.monotonic() + 10
        while left := self.session():
            promise(time.monotonic() < until, f"processes are left: {left}")
            time.sleep(0.1)
        self.store.check()
        promise(not os.listdir(self.temporary), f"temporary files are left: {os.listdir(self.temporary)}")
        return len(source)

    def quarters(self, name):
        """The most of each quarter of the day."""
        length = max(1, len(self.samples) // 4)
        parts = [self.samples[start * length:(start + 1) * length if start < 3 else None] for start in range(4)]
        return [max((sample[name] for sample in part), default=0) for part in parts]


LEVEL = {
    # What the last quarter may have more than the second.
    "memory": ("MB of `continuous`", 1.0), "files": ("open files of `continuous`", 0), "processes": ("processes between rounds", 0),
    # A run that was killed leaves a folder for each of its two jobs, until the next one.
    "temporary": ("temporary files between rounds", 2), "store": ("MB of the store", 1.0), "rows": ("rows of the ledger", None),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", default="")
    options = parser.parse_args()
    termination.leaves_nothing_behind()
    world = World(os.path.dirname(shutil.which("d2-slices")), options.store)
    store = Store(world)
    soak = Soak(world, store, random.Random(options.seed), options.hours)
    begun, broken, values = time.monotonic(), [], 0
    try:
        soak.start()
        for number in range(soak.rounds):
            soak.round()
            if number % ROUNDS_AN_HOUR == ROUNDS_AN_HOUR - 1:
                print(f"soak: {(number + 1) // ROUNDS_AN_HOUR} h in {time.monotonic() - begun:.0f} s: {soak.counts} {soak.samples[-1]}", file=sys.stderr,
                      flush=True)
        values = soak.finish()
        for name, (what, slack) in LEVEL.items():
            quarters = soak.quarters(name)
            if slack is not None and quarters[3] > quarters[1] + slack:
                raise Broken(f"{what} grow: {quarters}")
    except Broken as reason:
        broken.append(str(reason))
        print(f"soak: BROKEN: {reason}", file=sys.stderr)
        with open(soak.log, encoding="utf-8", errors="replace") as file:
            print("".join(file.readlines()[-12:]), file=sys.stderr)
    finally:
        while left := soak.session():
            for pid, _ in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        world.stop()
    counts = soak.counts
    print(f"{options.hours} hours on {store.kind} in {time.monotonic() - begun:.0f} s: {soak.rounds} rounds, {counts['failed rounds']} of which failed; "
          f"{counts['written']} values written, {counts['faults']} faults, {counts['unreachable']} times a server unreachable, {counts['store']} times the store "
          f"disturbed, {counts['kills']} commands killed, {counts['parked']} slices parked; {values} values at both ends; d2-slices {soak.largest:.1f} MB at most.\n")
    print("| most in each quarter | 1 | 2 | 3 | 4 |\n|---|--:|--:|--:|--:|")
    for name, (what, _) in LEVEL.items():
        print(f"| {what} | " + " | ".join(f"{figure:.1f}" if isinstance(figure, float) else str(figure) for figure in soak.quarters(name)) + " |")
    print(flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
