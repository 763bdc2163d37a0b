"""scripts/continuous for 24 hours of the servers' clocks, with faults at random

The time is compressed, not waited for: the pause between two rounds (--interval 600) is cut short, and the clocks of
both servers, by which increments go, are moved on by ten minutes instead. Pauses and timeouts of the commands pass in
real seconds: 24 hours on one store take about ten minutes.

While rounds run, values are written, changed and deleted at the source. In most rounds something goes wrong: statuses
429, 500, 502, 503, cut answers, resets, stalls, slow answers, lost answers, imports that stop half-way, on either side;
a server that cannot be reached for some seconds; the store's connections killed (PostgreSQL) or its file locked
(SQLite); a process that dies of kill -9. Increments reach back a quarter of an hour only, so that what one forgets no
later one brings.

At the end, after one more undisturbed round, the destination holds what the source holds, no slice is parked or
waiting, and what lives long is level from the second quarter to the last: memory and open files of scripts/continuous,
processes, temporary files, bytes of the store. A table in Markdown goes to stdout.
"""

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

import processes
from gate import Gate
from promises import Broken, markdown, promise, wait_until
from store import Store
from world import SCHEMA, SYNC, World

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts")
ROUND_SECONDS, ROUNDS_AN_HOUR = 600, 6
# Real seconds that a round may take, with all that goes wrong in it.
PATIENCE = 300
FAULTS = [
    {"kind": "status", "status": 500}, {"kind": "status", "status": 502}, {"kind": "status", "status": 503},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}, {"kind": "cut-body", "after": 700},
    {"kind": "cut-body", "after": 700, "framing": "close"}, {"kind": "reset"}, {"kind": "reset", "after": 300},
    {"kind": "stall", "after": 300, "seconds": 2}, {"kind": "slow-first-byte", "seconds": 2},
    {"kind": "latency", "seconds": 0.5}, {"kind": "lost-answer"}, {"kind": "garbage-chunk", "after": 200},
    {"kind": "gzip-truncated", "after": 200}, {"kind": "login-page"}, {"kind": "bandwidth", "bytes": 65536},
    {"kind": "partial-import"},
]
PATHS = ["/api/dataValueSets", "/api/dataValueSets", "/api/dataValueSets", "/api/organisationUnits", "/api/dataSets",
         "/api/system/info", "/api"]
# What the commands of a round are called.
COMMANDS = {"d2-slices", "d2-pull", "d2-push", "d2-orgunits", "d2-datasets"}
KEY = ("dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo")
LEVEL = {
    # What is looked at between rounds, and how much more than the second quarter the last one may have.
    "memory": ("MB of `continuous`", 1.0), "files": ("open files of `continuous`", 0),
    "processes": ("processes between rounds", 0),
    # A run that was killed leaves a folder for each of its two jobs, until the next one.
    "temporary": ("temporary files between rounds", 2), "store": ("MB of the store", 1.0),
    "rows": ("rows of the ledger", None),
}


def add_options(parser):
    parser.add_argument("--hours", type=int, default=24, metavar="N", help="hours of the servers' clocks (default 24)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="other faults, other values")


class Soak:
    """A pair that scripts/continuous keeps up to date, and what goes wrong meanwhile."""

    def __init__(self, world, store, draw, hours):
        self.world, self.store, self.draw, self.rounds = world, store, draw, hours * ROUNDS_AN_HOUR
        self.gates = [Gate(world.source), Gate(world.destination)]
        self.temporary = world.path("tmp")
        os.mkdir(self.temporary)
        world.environment |= {"TMPDIR": self.temporary, "XDG_STATE_HOME": world.path("state"),
                              "D2_RETRY_AFTER": "1s", "D2_GIVE_UP_AFTER": "20s"}
        world.environment.pop("XDG_RUNTIME_DIR", None)
        # Beside no build of this folder: there they find the binaries under test.
        shutil.copytree(SCRIPTS, world.path("scripts"))
        self.log = world.path("log")
        self.counts = dict.fromkeys(
            ("faults", "unreachable", "store", "kills", "written", "failed rounds", "parked"), 0)
        self.samples = []
        self.largest = 0
        world.learn()
        values = [json.loads(line) for line in world.lines]
        self.values = [value for value in values if value["value"].isdigit() and not value.get("deleted")]

    def start(self):
        source, destination = (gate.url for gate in self.gates)
        self.world.make_pair(
            source, destination,
            then=f"{SYNC} && d2-datasets set --pair p --include-deleted on all > /dev/null")
        self.process = subprocess.Popen(
            [self.world.path("scripts/continuous"), "p", "--interval", str(ROUND_SECONDS), "--jobs", "2",
             "--overlap", "15m"], cwd=self.world.folder, env=self.world.environment, stdin=subprocess.DEVNULL,
            stdout=open(self.log, "ab"), stderr=subprocess.STDOUT, start_new_session=True)
        # The first round moves everything.
        self.wait_for_round(0)

    # MARK: Rounds

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
        return wait_until(lambda: [pid for pid, name in self.session() if name == "sleep"], PATIENCE,
                          "continuous does not pause", 0.02)[0]

    def wait_for_round(self, before):
        def is_over():
            promise(self.process.poll() is None, "continuous has ended")
            self.look_at_commands()
            return len(self.ended()) > before

        wait_until(is_over, PATIENCE, f"a round takes more than {PATIENCE} s", 0.1)
        self.pause()

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
            self.world.heal()
        if not self.ended()[before]:
            self.counts["failed rounds"] += 1
        self.look()

    # MARK: What happens

    def write(self):
        """Values that people enter: changed, deleted, brought back. Small ones, which are percentages too."""
        lines = []
        for value in self.draw.sample(self.values, self.draw.randint(1, 12)):
            kept = {name: value[name] for name in KEY if name in value}
            change = {"value": str(self.draw.randint(1, 100)), "deleted": self.draw.random() < 0.15}
            lines.append(json.dumps(kept | change))
        self.world.fetch(self.world.source, "/control/values", "POST", ("\n".join(lines) + "\n").encode())
        self.counts["written"] += len(lines)

    def disturb(self):
        kind = self.draw.random()
        if kind < 0.70:
            for _ in range(self.draw.randint(1, 3)):
                fault = {**self.draw.choice(FAULTS), "times": self.draw.randint(1, 4),
                         "skip": self.draw.randint(0, 3), "path": self.draw.choice(PATHS)}
                self.world.set_faults(self.draw.choice([self.world.source, self.world.destination]), fault)
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
            if running and processes.kill(self.draw.choice(running)):
                self.counts["kills"] += 1

    def strike_store(self):
        if self.world.store:
            for _ in range(self.draw.randint(1, 5)):
                self.store.end_connections()
                time.sleep(self.draw.uniform(0, 0.3))
        else:
            connection = sqlite3.connect(self.world.path("store.sqlite"), timeout=20, isolation_level=None)
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(self.draw.uniform(0.5, 3))
            connection.execute("ROLLBACK")
            connection.close()

    # MARK: What is seen

    def session(self):
        return processes.with_variable(f"TMPDIR={self.temporary}")

    def look_at_commands(self):
        for pid, name in self.session():
            if name == "d2-slices":
                try:
                    self.largest = max(self.largest, *processes.megabytes(pid, "VmHWM"))
                except (OSError, KeyError):
                    pass

    def look(self):
        """Between two rounds: what lives on. What was killed, and what dies with it, has a moment to be gone."""
        until = time.monotonic() + 5
        while len(self.session()) > 2 and time.monotonic() < until:
            time.sleep(0.1)
        if self.world.store:
            size = int(self.store.rows(
                "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
                f"WHERE relnamespace = '{SCHEMA}'::regnamespace AND relkind = 'r'")[0][0])
        else:
            size = os.stat(self.world.path("store.sqlite")).st_size
        self.samples.append({
            "memory": processes.megabytes(self.process.pid, "VmRSS")[0],
            "files": len(os.listdir(f"/proc/{self.process.pid}/fd")), "processes": len(self.session()),
            "temporary": len(os.listdir(self.temporary)), "store": size / 1e6,
            "rows": sum(self.store.count(table) for table in ("slices", "sync_windows"))})

    def quarters(self, name):
        """The most of each quarter of the day."""
        length = max(1, len(self.samples) // 4)
        parts = [self.samples[start * length:(start + 1) * length if start < 3 else None] for start in range(4)]
        return [max((sample[name] for sample in part), default=0) for part in parts]

    # MARK: The end

    def finish(self):
        """A quiet end: all is delivered. Returns how many values both ends hold."""
        self.world.heal()
        self.counts["parked"] = self.store.count("slices", "state IN ('refused', 'failed')")
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
        promise(not lost and not more,
                f"the destination lacks {len(lost)} values and has {len(more)} others: {(lost + more)[:3]}")
        promise(self.store.count("slices", "state <> 'done'") == 0, "slices are not done")
        os.kill(self.process.pid, signal.SIGTERM)
        promise(self.process.wait(60) == 143, "continuous did not end in good order")
        wait_until(lambda: not self.session(), 10, "processes are left", 0.1)
        self.store.check()
        promise(not os.listdir(self.temporary), f"temporary files are left: {os.listdir(self.temporary)}")
        for name, (what, slack) in LEVEL.items():
            quarters = self.quarters(name)
            promise(slack is None or quarters[3] <= quarters[1] + slack, f"{what} grow: {quarters}")
        return len(source)

    def stop(self):
        while left := self.session():
            for pid, _ in left:
                processes.kill(pid)
            time.sleep(0.05)
        self.world.stop()

    def report(self, hours, seconds, values):
        counts = self.counts
        print(
            f"{hours} hours on {self.store.kind} in {seconds:.0f} s: {self.rounds} rounds, "
            f"{counts['failed rounds']} of which failed; {counts['written']} values written, "
            f"{counts['faults']} faults, {counts['unreachable']} times a server unreachable, "
            f"{counts['store']} times the store disturbed, {counts['kills']} commands killed, "
            f"{counts['parked']} slices parked; {values} values at both ends; "
            f"d2-slices {self.largest:.1f} MB at most.\n")
        rows = [[what, *(f"{figure:.1f}" if isinstance(figure, float) else figure for figure in self.quarters(name))]
                for name, (what, _) in LEVEL.items()]
        print(markdown(["most in each quarter", ">1", ">2", ">3", ">4"], rows) + "\n", flush=True)


def run(options, binaries, address):
    world = World(binaries, address)
    begun, values, is_whole = time.monotonic(), 0, False
    soak = Soak(world, Store(world), random.Random(options.seed), options.hours)
    try:
        soak.start()
        for number in range(soak.rounds):
            soak.round()
            if number % ROUNDS_AN_HOUR == ROUNDS_AN_HOUR - 1:
                print(f"soak: {(number + 1) // ROUNDS_AN_HOUR} h in {time.monotonic() - begun:.0f} s: {soak.counts} "
                      f"{soak.samples[-1]}", file=sys.stderr, flush=True)
        values = soak.finish()
        is_whole = True
    except Broken as reason:
        print(f"soak: BROKEN: {reason}", file=sys.stderr)
        with open(soak.log, encoding="utf-8", errors="replace") as file:
            print("".join(file.readlines()[-12:]), file=sys.stderr)
    finally:
        soak.stop()
    soak.report(options.hours, time.monotonic() - begun, values)
    return is_whole
