"""Moves one large answer through d2-pull | d2-push, watches both, and holds what it saw to what is promised. scripts/load --help tells the rest."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import servers

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import termination  # noqa: E402

SAMPLE_SECONDS = 0.2
# What the second half's peak may lie above the first half's: pages that a busy machine gives back late.
SLACK_MB = 4
# With fewer looks at a half it is only seen how a process begins: its memory is no bound for the rest yet.
LEAST_LOOKS = 40


class Watch:
    """What a process holds, over time."""

    def __init__(self, process, folder):
        self.process, self.folder = process, folder
        self.samples = []

    def look(self, progress):
        root = f"/proc/{self.process.pid}"
        try:
            with open(root + "/status", encoding="ascii") as file:
                status = dict(line.split(":", 1) for line in file)
            memory, peak = (int(status[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
            files, temporary = 0, 0
            for name in os.listdir(root + "/fd"):
                files += 1
                # A temporary file may have no name any more.
                if os.readlink(f"{root}/fd/{name}").startswith(self.folder + "/tmp"):
                    temporary += os.stat(f"{root}/fd/{name}").st_size
        except (OSError, KeyError):
            return
        self.samples.append((progress, memory, peak, files, temporary))

    def half(self, second, column):
        return max((sample[column] for sample in self.samples if (sample[0] >= 0.5) == second), default=0)

    def is_long(self):
        second = sum(sample[0] >= 0.5 for sample in self.samples)
        return min(second, len(self.samples) - second) >= LEAST_LOOKS

    def peak(self, column):
        return max((sample[column] for sample in self.samples), default=0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gb", type=float, default=20)
    parser.add_argument("--source-rate", type=float, default=60)
    parser.add_argument("--destination-rate", type=float, default=50)
    parser.add_argument("--distance", type=float, default=48)
    parser.add_argument("--spool", action="store_true")
    options = parser.parse_args()

    termination.leaves_nothing_behind()
    folder = tempfile.mkdtemp(prefix="d2-load-")
    os.mkdir(folder + "/tmp")
    processes = []
    try:
        return run(options, folder, processes)
    finally:
        for process in processes:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def run(options, folder, processes):
    size = options.gb * 1e9
    shared = servers.Shared()
    source, source_url = servers.start(servers.Source, shared, options.source_rate * 1e6, size)
    destination, destination_url = servers.start(servers.Destination, shared, options.destination_rate * 1e6)
    processes += [source, destination]
    environment = {**os.environ, "TMPDIR": folder + "/tmp", "D2_USERNAME": "admin", "D2_PASSWORD": "district"}
    # Uncompressed, so that the limits are of what is moved.
    transport = ["--compression", "none", "--quiet", "--summary"]
    pull = subprocess.Popen(
        ["d2-pull", "--url", source_url, "--data-set", "LoadDataSet", "--org-unit", "LoadOrgUnit", "--children", "--period", "2022", "--no-check",
         *transport, folder + "/pull.json", *(["--spool"] if options.spool else [])], stdout=subprocess.PIPE, env=environment)
    processes.append(pull)
    push = subprocess.Popen(
        ["d2-push", "--url", destination_url, *transport, folder + "/push.json", "--rejects", folder + "/rejects"], stdin=pull.stdout,
        stdout=subprocess.DEVNULL, env=environment)
    processes.append(push)
    pull.stdout.close()

    begun, told = time.monotonic(), 0.0
    watches = [Watch(pull, folder), Watch(push, folder)]
    distances, temporary = [0], 0
    while push.poll() is None:
        # Taken first: what is sent meanwhile makes the distance larger, never smaller.
        taken = shared.taken.value
        distances.append(shared.sent.value - taken)
        # What is spooled passes d2-pull twice.
        watches[0].look((shared.sent.value + taken) / size / 2 if options.spool else taken / size)
        watches[1].look(taken / size)
        temporary = max(temporary, sum(watch.samples[-1][4] for watch in watches if watch.samples), sum(
            entry.stat().st_size for entry in os.scandir(folder + "/tmp")))
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"load: {taken / 1e9:.1f} of {options.gb:g} GB, {told - begun:.0f} s, " + ", ".join(
                f"{name} {watch.samples[-1][1]:.1f} MB" for name, watch in zip(("pull", "push"), watches) if watch.samples)
                + f", {distances[-1] / 1e6:.1f} MB on the way", file=sys.stderr, flush=True)
        time.sleep(SAMPLE_SECONDS)
    seconds = time.monotonic() - begun
    statuses = pull.wait(), push.wait()
    return judge(options, folder, shared, watches, distances, temporary, seconds, statuses)


def judge(options, folder, shared, watches, distances, temporary, seconds, statuses):
    broken = []

    def promise(holds, text):
        if not holds:
            broken.append(text)
            print(f"load: BROKEN: {text}", file=sys.stderr)

    promise(statuses == (0, 0), f"statuses {statuses}")
    account = {"read": 0, "imported": 0}
    pulled = {"values": 0}
    if statuses == (0, 0):
        with open(folder + "/push.json", encoding="utf-8") as file:
            account = json.load(file)
        with open(folder + "/pull.json", encoding="utf-8") as file:
            pulled = json.load(file)
    values = shared.values_sent.value
    counts = {shared.values_taken.value, account["read"], account["imported"], pulled["values"]}
    promise(values > 0 and counts == {values}, f"{values} values were sent; the others count {counts}")
    promise(shared.sent_digest.raw == shared.taken_digest.raw, "what came is not what was sent, byte for byte and in its order")
    for name, watch in zip(("d2-pull", "d2-push"), watches):
        if not watch.is_long():
            print(f"load: {name}: fewer than {LEAST_LOOKS} looks at one of the halves: too short to hold one against the other", file=sys.stderr)
            continue
        for column, what, slack in ((1, "MB of memory", SLACK_MB), (3, "open files", 0)):
            first, second = watch.half(False, column), watch.half(True, column)
            promise(second <= first + slack, f"{name}: {second:.1f} {what} in the second half, {first:.1f} in the first")
    if not options.spool:
        promise(max(distances) <= options.distance * 1e6, f"the source was {max(distances) / 1e6:.1f} MB ahead of the destination")
        promise(temporary == 0, f"{temporary} bytes in temporary files")
    promise(not os.listdir(folder + "/tmp"), "a temporary file is left")

    ordered = sorted(distances)
    print("| GB | values | source, destination MB/s | seconds | d2-pull MB (first, second half; peak) | d2-push MB (the same) | open files | "
          "MB on the way (median, most) | largest request MB | temporary files, at most |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    print(f"| {shared.sent.value / 1e9:.1f}{' spooled' if options.spool else ''} | {values:,} | {options.source_rate:g}, {options.destination_rate:g} | "
          f"{seconds:.0f} | "
          + " | ".join(f"{watch.half(False, 1):.1f}, {watch.half(True, 1):.1f}; {watch.peak(2):.1f}" for watch in watches)
          + f" | {watches[0].peak(3)}, {watches[1].peak(3)} | {ordered[len(ordered) // 2] / 1e6:.1f}, {ordered[-1] / 1e6:.1f} | "
          f"{shared.largest.value / 1e6:.1f} | {f'{temporary / 1e9:.1f} GB' if temporary else 'none'} |")
    print(f"load: {len(watches[1].samples)} looks, {len(broken)} promises broken", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
