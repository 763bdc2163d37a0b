"""one large answer through d2-pull | d2-push, with a bandwidth limit on both sides

Two servers of its own (limited.py) make the values up and count them; neither holds more than a block or a request.
Five times a second the memory and open files of both commands are looked at, the temporary files, and the distance:
what the source has sent and the destination has not yet taken. Then it holds: status 0; the bytes of all values came,
in their order, once; neither command's memory nor its open files grow from the first half to the second; the distance
stays below --distance MB, so that a slow destination slows the source; no temporary file is left (without --spool there
never was one). With --gb 0.2 it is a quick look, too short to hold the memory of one half against the other.

A table row in Markdown goes to stdout.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import limited
import processes
from promises import markdown

SAMPLE_SECONDS = 0.2
# What the second half's peak may lie above the first half's: pages that a busy machine gives back late.
SLACK_MB = 4
# With fewer looks at a half it is only seen how a process begins: its memory is no bound for the rest yet.
LEAST_LOOKS = 40
# The columns of a sample.
PROGRESS, MEMORY, PEAK, FILES, TEMPORARY = range(5)


def add_options(parser):
    def number(name, default, help):
        parser.add_argument(name, type=float, default=default, metavar="N", help=f"{help} (default {default})")

    number("--gb", 20, "how much is moved")
    number("--source-rate", 60, "MB/s out of the source")
    number("--destination-rate", 50, "MB/s into the destination")
    number("--distance", 48, "MB that may be on the way")
    parser.add_argument("--spool", action="store_true", help="held in a temporary file first")


class Watch:
    """What a process holds, over time."""

    def __init__(self, process, folder):
        self.process, self.folder = process, folder
        self.samples = []

    def look(self, progress):
        root = f"/proc/{self.process.pid}"
        try:
            memory = processes.megabytes(self.process.pid, "VmRSS", "VmHWM")
            files, temporary = 0, 0
            for name in os.listdir(root + "/fd"):
                files += 1
                # A temporary file may have no name any more.
                if os.readlink(f"{root}/fd/{name}").startswith(self.folder + "/tmp"):
                    temporary += os.stat(f"{root}/fd/{name}").st_size
        except (OSError, KeyError):
            return
        self.samples.append((progress, *memory, files, temporary))

    def last(self, column):
        return self.samples[-1][column] if self.samples else 0

    def half(self, second, column):
        return max((sample[column] for sample in self.samples if (sample[PROGRESS] >= 0.5) == second), default=0)

    def is_long(self):
        second = sum(sample[PROGRESS] >= 0.5 for sample in self.samples)
        return min(second, len(self.samples) - second) >= LEAST_LOOKS

    def peak(self, column):
        return max((sample[column] for sample in self.samples), default=0)


class Load:
    """One answer on its way, and what was seen of it."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.size = options.gb * 1e9
        self.shared = limited.Shared()
        self.distances, self.temporary = [0], 0
        self.processes, self.watches = [], []
        self.broken = 0

    def start(self, binaries):
        options, folder = self.options, self.folder
        source, source_url = limited.start(limited.Source, self.shared, options.source_rate * 1e6, self.size)
        self.processes.append(source)
        destination, destination_url = limited.start(
            limited.Destination, self.shared, options.destination_rate * 1e6)
        self.processes.append(destination)
        environment = {**os.environ, "PATH": binaries + ":" + os.environ["PATH"], "TMPDIR": folder + "/tmp",
                       "D2_USERNAME": "admin", "D2_PASSWORD": "district"}
        # Uncompressed, so that the limits are of what is moved.
        transport = ["--compression", "none", "--quiet", "--summary"]
        pull = subprocess.Popen(
            ["d2-pull", "--url", source_url, "--data-set", "LoadDataSet", "--org-unit", "LoadOrgUnit", "--children",
             "--period", "2022", "--no-check", *transport, folder + "/pull.json",
             *(["--spool"] if options.spool else [])], stdout=subprocess.PIPE, env=environment)
        self.processes.append(pull)
        push = subprocess.Popen(
            ["d2-push", "--url", destination_url, *transport, folder + "/push.json", "--rejects", folder + "/rejects"],
            stdin=pull.stdout, stdout=subprocess.DEVNULL, env=environment)
        self.processes.append(push)
        pull.stdout.close()
        self.watches = [Watch(pull, folder), Watch(push, folder)]
        return pull, push

    def look(self):
        # Taken first: what is sent meanwhile makes the distance larger, never smaller.
        taken = self.shared.taken.value
        sent = self.shared.sent.value
        self.distances.append(sent - taken)
        # What is spooled passes d2-pull twice.
        self.watches[0].look((sent + taken) / self.size / 2 if self.options.spool else taken / self.size)
        self.watches[1].look(taken / self.size)
        self.temporary = max(self.temporary, sum(watch.last(TEMPORARY) for watch in self.watches),
                             sum(entry.stat().st_size for entry in os.scandir(self.folder + "/tmp")))

    def tell(self, seconds):
        pull, push = (watch.last(MEMORY) for watch in self.watches)
        print(f"load: {self.shared.taken.value / 1e9:.1f} of {self.options.gb:g} GB, {seconds:.0f} s, "
              f"pull {pull:.1f} MB, push {push:.1f} MB, {self.distances[-1] / 1e6:.1f} MB on the way",
              file=sys.stderr, flush=True)

    # MARK: What must hold

    def promise(self, holds, text):
        """All of them are looked at, also when one is broken."""
        if not holds:
            self.broken += 1
            print(f"load: BROKEN: {text}", file=sys.stderr)

    def summary(self, name):
        with open(f"{self.folder}/{name}.json", encoding="utf-8") as file:
            return json.load(file)

    def judge_values(self, statuses):
        shared = self.shared
        self.promise(statuses == (0, 0), f"statuses {statuses}")
        if statuses == (0, 0):
            account, pulled = self.summary("push"), self.summary("pull")
            values = shared.values_sent.value
            counts = {shared.values_taken.value, account["read"], account["imported"], pulled["values"]}
            self.promise(values > 0 and counts == {values}, f"{values} values were sent; the others count {counts}")
        self.promise(shared.sent_digest.raw == shared.taken_digest.raw,
                     "what came is not what was sent, byte for byte and in its order")

    def judge_memory(self):
        for name, watch in zip(("d2-pull", "d2-push"), self.watches):
            if not watch.is_long():
                print(f"load: {name}: fewer than {LEAST_LOOKS} looks at one of the halves: "
                      "too short to hold one against the other", file=sys.stderr)
                continue
            for column, what, slack in ((MEMORY, "MB of memory", SLACK_MB), (FILES, "open files", 0)):
                first, second = watch.half(False, column), watch.half(True, column)
                self.promise(second <= first + slack,
                             f"{name}: {second:.1f} {what} in the second half, {first:.1f} in the first")

    def judge_way(self):
        if not self.options.spool:
            most = max(self.distances) / 1e6
            self.promise(most <= self.options.distance, f"the source was {most:.1f} MB ahead of the destination")
            self.promise(self.temporary == 0, f"{self.temporary} bytes in temporary files")
        self.promise(not os.listdir(self.folder + "/tmp"), "a temporary file is left")

    def report(self, seconds):
        options, shared, ordered = self.options, self.shared, sorted(self.distances)
        heads = [">GB", ">values", ">source, destination MB/s", ">seconds",
                 ">d2-pull MB (first, second half; peak)", ">d2-push MB (the same)", ">open files",
                 ">MB on the way (median, most)", ">largest request MB", ">temporary files, at most"]
        row = [f"{shared.sent.value / 1e9:.1f}{' spooled' if options.spool else ''}", f"{shared.values_sent.value:,}",
               f"{options.source_rate:g}, {options.destination_rate:g}", f"{seconds:.0f}"]
        row += [f"{watch.half(False, MEMORY):.1f}, {watch.half(True, MEMORY):.1f}; {watch.peak(PEAK):.1f}"
                for watch in self.watches]
        row += [", ".join(str(watch.peak(FILES)) for watch in self.watches),
                f"{ordered[len(ordered) // 2] / 1e6:.1f}, {ordered[-1] / 1e6:.1f}", f"{shared.largest.value / 1e6:.1f}",
                f"{self.temporary / 1e9:.1f} GB" if self.temporary else "none"]
        print(markdown(heads, [row]), flush=True)
        print(f"load: {len(self.watches[1].samples)} looks, {self.broken} promises broken", file=sys.stderr)


def run(options, binaries, _):
    folder = tempfile.mkdtemp(prefix="d2-load-")
    os.mkdir(folder + "/tmp")
    load = Load(options, folder)
    try:
        pull, push = load.start(binaries)
        begun = told = time.monotonic()
        while push.poll() is None:
            load.look()
            if time.monotonic() - told > 30:
                told = time.monotonic()
                load.tell(told - begun)
            time.sleep(SAMPLE_SECONDS)
        seconds = time.monotonic() - begun
        load.judge_values((pull.wait(), push.wait()))
        load.judge_memory()
        load.judge_way()
        load.report(seconds)
    finally:
        for process in load.processes:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return load.broken == 0
