"""kill workers, commands and connections at random, and prove that every value arrives

Two stand-in servers, a plan of at least --slices slices, and two `d2-slices run` with --jobs workers each as of two
hosts that share a store. While they work, --kills processes die of kill -9: runners, their shells, d2-pull, d2-push; on
PostgreSQL connections too, by pg_terminate_backend. A runner that died is started again. Then: every slice is done, the
values that the slices read are those of the source, no process is left, and the destination holds what the source
holds, value for value.
"""

import json
import os
import random
import signal
import subprocess
import threading
import time

import processes
from promises import Broken, promise, wait_until
from store import Store
from world import World

# Slow enough that what is killed was at work.
SLOW = {"kind": "latency", "seconds": 0.15, "times": 0, "path": "/api/dataValueSets"}
# What each zone of the country has: twelve months of two data sets. The stand-in needs so many units for a zone.
SLICES_OF_ZONE, UNITS_OF_ZONE = 24, 15
# Ends after which a host begins anew: killed, or the store or a server was not there.
BEGUN_ANEW = (-signal.SIGKILL, 69, 75)
# A command of one's own gets one slice at a time; ours gets neighbours together.
SINGLE = 'd2-pull --slice "$D2_SLICE" --spool | d2-push --slice "$D2_SLICE" --rejects "$D2_REJECTS" > /dev/null'
TARGETS = ("d2-slices", "d2-pull", "d2-push", "bash", "connection")


def add_options(parser):
    def number(name, default, help):
        parser.add_argument(name, type=int, default=default, metavar="N", help=f"{help} (default {default})")

    number("--slices", 200, "slices of the plan, at least")
    number("--kills", 50, "processes and connections that die")
    number("--jobs", 2, "workers of each host")
    number("--seconds", 3600, "fail after so long")
    parser.add_argument("--values", type=int, metavar="N", help="values at the source (default 20 a slice)")
    parser.add_argument("--keep", action="store_true", help="leave the folder with all that was written")


class Chaos:
    """A plan that two hosts work off while they die again and again."""

    def __init__(self, options, world, store):
        self.options, self.world, self.store = options, world, store
        self.temporary = world.path("tmp")
        os.mkdir(self.temporary)
        world.environment |= {"TMPDIR": self.temporary, "XDG_STATE_HOME": world.path("state")}
        self.until = time.monotonic() + options.seconds
        self.stopped = threading.Event()
        self.statuses = {}
        self.counts = dict.fromkeys(TARGETS, 0)

    def plan(self):
        """Returns how many slices there are."""
        self.world.make_pair(then=(
            "d2-orgunits sync --pair p --level Zone --quiet > /dev/null "
            "&& d2-datasets sync --pair p --quiet > /dev/null "
            "&& d2-datasets set --pair p --include-deleted on MONTH PARTNER > /dev/null"))
        planned = self.world.run("d2-slices plan --pair p -y 2022 --data-set MONTH --data-set PARTNER --quiet")
        promise(planned.returncode == 0, f"no plan: {planned.stderr}")
        return json.loads(planned.stdout)["planned"]

    # MARK: Work

    def host(self, name):
        """One of two hosts; its runner is begun anew when it was killed."""
        command = ["d2-slices", "run", "--pair", "p", "--jobs", str(self.options.jobs), "--lease", "3s",
                   "--retry-after", "0.5s", "--attempts", "1000"] + (["--", SINGLE] if name == "two" else [])
        with open(self.world.path(name), "ab") as log:
            while not self.stopped.is_set():
                status = subprocess.call(
                    command, cwd=self.world.folder, env=self.world.environment, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, start_new_session=True)
                self.statuses[name] = status
                if status not in BEGUN_ANEW:
                    return

    def victims(self, target):
        if target == "bash":
            found = self.workers()
        else:
            found = processes.with_variable(f"TMPDIR={self.temporary}")
        return [pid for pid, name in found if name == target]

    def workers(self):
        """What works on slices: the shells of the workers, and all that they began."""
        return processes.with_variable(f"D2_SUMMARY_DIR={self.temporary}/")

    def strike(self, target):
        """Kills one of a kind. Returns whether there was one."""
        if target == "connection":
            return bool(self.store.end_connections(most=1))
        found = self.victims(target)
        return bool(found) and processes.kill(random.choice(found))

    def strike_often(self, hosts):
        targets = TARGETS + ("connection",) if self.world.store else TARGETS[:-1]
        # Spread over the time that the work takes.
        while sum(self.counts.values()) < self.options.kills and any(host.is_alive() for host in hosts):
            self.look_at_clock()
            target = random.choice(targets)
            if self.strike(target):
                self.counts[target] += 1
                time.sleep(random.uniform(0.01, 0.09))
            else:
                time.sleep(0.02)

    def look_at_clock(self):
        promise(time.monotonic() < self.until, f"not done after {self.options.seconds} s")

    def work(self):
        begun = time.monotonic()
        hosts = [threading.Thread(target=self.host, args=(name,)) for name in ("one", "two")]
        try:
            for host in hosts:
                host.start()
            self.strike_often(hosts)
            while any(host.is_alive() for host in hosts):
                self.look_at_clock()
                time.sleep(0.1)
        finally:
            self.stop(hosts)
        killed = sum(self.counts.values())
        say(f"{killed} kills in {time.monotonic() - begun:.0f} s: "
            + " ".join(f"{count} {target}" for target, count in self.counts.items()))
        promise(killed == self.options.kills, f"the work was done after {killed} kills: more --slices are needed")
        for name, status in self.statuses.items():
            promise(status == 0, f"host {name} ended with status {status}: {self.world.read(name)[-500:]}")

    def stop(self, hosts):
        self.stopped.set()
        while any(host.is_alive() for host in hosts):
            for pid in self.victims("d2-slices"):
                processes.kill(pid)
            time.sleep(0.05)

    # MARK: The proof

    def prove(self, planned):
        slices = [json.loads(line) for line in self.world.run("d2-slices list --pair p").stdout.splitlines()]
        states = {slice["state"] for slice in slices}
        promise(len(slices) == planned and states == {"done"}, f"not all slices are done: {len(slices)} {states}")
        attempts = [slice["attempt"] for slice in slices]
        say(f"all {planned} slices are done; {sum(attempts) - planned} attempts were in vain, "
            f"the most of a slice {max(attempts)}")
        wait_until(lambda: not self.workers(), 10, "processes are left", 0.1)
        self.world.heal()
        source, destination = self.held(self.world.source), self.held(self.world.destination)
        differing = sorted(source ^ destination)
        promise(not differing, f"the destination differs: {differing[:4]}")
        # A slice that was noted as done without having been would have read less.
        read = sum(slice["pulled"] for slice in slices)
        promise(read == len(source), f"the slices read {read} values, the source holds {len(source)}")
        say(f"the destination holds what the source holds: {read} values")

    def held(self, url):
        """What a server holds of the data sets, a line a value."""
        listed = self.world.run("d2-datasets list --pair p").stdout.splitlines()
        sets = ",".join(found["id"] for found in map(json.loads, listed) if found["code"] in ("MONTH", "PARTNER"))
        root = self.world.get(url, "/api/organisationUnits?level=1&fields=id")["organisationUnits"][0]["id"]
        read = self.world.run(
            f"d2-pull --url {url} --data-set {sets} --org-unit {root} --children --start-date 2022-01-01 "
            "--end-date 2022-12-31 --include-deleted --quiet", 600)
        promise(read.returncode == 0, f"cannot read what is there: {read.stderr}")
        stamps = ("created", "lastUpdated", "storedBy")
        lines = (json.loads(line) for line in read.stdout.splitlines())
        return {json.dumps({name: line[name] for name in sorted(line) if name not in stamps}) for line in lines}


def say(text):
    print(f"chaos: {text}", flush=True)


def run(options, binaries, address):
    zones = -(-options.slices // SLICES_OF_ZONE)
    values = options.values or options.slices * 20
    world = World(binaries, address, units=zones * UNITS_OF_ZONE, values=values, faults=[SLOW])
    store = Store(world)
    chaos = Chaos(options, world, store)
    try:
        planned = chaos.plan()
        say(f"{planned} slices, 2 hosts of {options.jobs} workers, {options.kills} kills, {store.kind}")
        chaos.work()
        chaos.prove(planned)
        return True
    except Broken as reason:
        say(f"FAILED: {reason}")
        return False
    finally:
        for pid, _ in chaos.workers():
            processes.kill(pid)
        store.forget()
        if options.keep:
            say(f"all is in {world.folder}")
        world.stop(keep=options.keep)
