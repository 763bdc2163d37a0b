"""Runs every command against every fault, and holds the outcome to what d2 promises. Writes the table of what came of it.

usage: matrix.py BINARIES [--only TEXT] [--quick] [--store URL] [--table FILE]
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

import hostile

PASSWORD = "hiddenInTheMatrix"
FAST = "--retries 1 --retry-for 3s --connect-timeout 2 --first-byte-timeout 2 --idle-timeout 2"
# No fault of a server is a bug of ours (70), or a crash (128 and more).
ALLOWED = {0, 1, 64, 65, 69, 73, 74, 75, 76, 77, 78}

# Of the stand-in: name, specification, whether the fault may pass unseen.
STAND_IN = [
    ("HTTP 400", {"kind": "status", "status": 400}), ("HTTP 401", {"kind": "status", "status": 401}),
    ("HTTP 403", {"kind": "status", "status": 403}), ("HTTP 404", {"kind": "status", "status": 404}),
    ("HTTP 429 once", {"kind": "status", "status": 429, "times": 1}), ("HTTP 500", {"kind": "status", "status": 500}),
    ("HTTP 502", {"kind": "status", "status": 502}), ("HTTP 503 once", {"kind": "status", "status": 503, "times": 1}),
    ("HTTP 504", {"kind": "status", "status": 504}), ("refused before the body is read", {"kind": "refuse-early"}),
    ("redirect to the login page", {"kind": "redirect"}), ("a login page, HTTP 200", {"kind": "login-page"}),
    ("answer cut off", {"kind": "cut-body", "after": 700}),
    ("answer cut off, length promised", {"kind": "cut-body", "after": 700, "framing": "length"}),
    ("answer cut off, unseen by HTTP", {"kind": "cut-body", "after": 700, "framing": "close"}),
    ("cut off once", {"kind": "cut-body", "after": 700, "times": 1}), ("connection reset", {"kind": "reset"}),
    ("reset in the answer", {"kind": "reset", "after": 700}), ("answer lost", {"kind": "lost-answer", "times": 1}),
    ("answer stalls", {"kind": "stall", "after": 700, "seconds": 5}),
    ("slow first byte", {"kind": "slow-first-byte", "seconds": 5}), ("HTML in the middle", {"kind": "html-in-middle", "after": 700}),
    ("garbage for a chunk", {"kind": "garbage-chunk", "after": 700}), ("gzip cut", {"kind": "gzip-truncated", "after": 300}),
    ("text/plain", {"kind": "content-type"}), ("short answer", {"kind": "short-answer"}),
    ("import stops half-way", {"kind": "partial-import", "times": 1}),
]
NETWORK = ["name not found", "connection refused", "TLS: self-signed", "TLS: expired", "TLS: another host", "TLS: not TLS"]


class World:
    """Two servers, and a pair between them."""

    def __init__(self, binaries, store):
        self.folder = tempfile.mkdtemp(prefix="d2-faults-")
        self.binaries = binaries
        self.store = store
        self.servers = []
        self.source = self.start("--generate-values", "2600")
        self.destination = self.start()
        self.environment = {
            "PATH": binaries + ":" + os.environ["PATH"], "HOME": self.folder, "TMPDIR": self.folder, "LANG": "C.UTF-8",
            "D2_USERNAME": "admin", "D2_PASSWORD": PASSWORD, "XDG_STATE_HOME": self.folder}
        self.root = self.get(self.source, "/api/organisationUnits?level=1&fields=id")["organisationUnits"][0]["id"]
        sets = self.get(self.source, "/api/dataSets?fields=id,periodType&paging=false")["dataSets"]
        self.sets = ",".join(found["id"] for found in sets)
        self.selection = (f"--data-set {self.sets} --org-unit {self.root} --children --start-date 2021-12-01 --end-date 2023-01-31 "
                          "--include-deleted")
        self.values = self.run(f"d2-pull --url {self.source} {self.selection} --quiet").stdout
        self.lines = set(self.values.splitlines())
        with open(self.folder + "/values", "w", encoding="utf-8") as file:
            file.write(self.values)
        self.certificates()

    def start(self, *options):
        server = subprocess.Popen(
            [self.binaries + "/dhis2-stand-in", "--generate", "60", "--years", "2022..2022", "--admin-password", PASSWORD, *options],
            stdout=subprocess.PIPE, text=True)
        self.servers.append(server)
        return server.stdout.readline().strip()

    def get(self, url, target):
        return json.loads(self.fetch(url, target))

    def fetch(self, url, target, method="GET", body=None):
        request = urllib.request.Request(url + target, method=method, data=body)
        if target.startswith("/api"):
            import base64
            request.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    def run(self, command, seconds=60, **variables):
        shell = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command], cwd=self.folder, env={**self.environment, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, errors = shell.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            out, errors = shell.communicate()
            errors += b"\nHANGS"
        return subprocess.CompletedProcess(command, shell.returncode, out.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))

    def held(self, url):
        """What a server holds, without stamps, by key."""
        found = {}
        for line in self.fetch(url, "/control/values").splitlines():
            value = json.loads(line)
            if value.get("deleted"):
                continue
            found[key(value)] = value.get("value")
        return found

    def certificates(self):
        def make(name, subject, *more):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{self.folder}/{name}.key", "-out",
                 f"{self.folder}/{name}.pem", "-subj", f"/CN={subject}", "-addext", f"subjectAltName={more[0]}", "-days", more[1]],
                check=True, capture_output=True)
        make("self", "127.0.0.1", "IP:127.0.0.1", "30")
        make("other", "elsewhere.example", "DNS:elsewhere.example", "30")
        # Valid until yesterday.
        with open(f"{self.folder}/ca.conf", "w", encoding="utf-8") as file:
            file.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.folder}/ca.index\nnew_certs_dir={self.folder}\nserial={self.folder}/ca.serial\n"
                       "default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=IP:127.0.0.1\n")
        open(f"{self.folder}/ca.index", "w", encoding="utf-8").close()
        with open(f"{self.folder}/ca.serial", "w", encoding="utf-8") as file:
            file.write("01\n")
        subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{self.folder}/expired.key", "-out",
                        f"{self.folder}/expired.csr", "-subj", "/CN=127.0.0.1"], check=True, capture_output=True)
        subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-config", f"{self.folder}/ca.conf", "-keyfile", f"{self.folder}/expired.key",
                        "-in", f"{self.folder}/expired.csr", "-out", f"{self.folder}/expired.pem", "-startdate", "20200101000000Z",
                        "-enddate", "20200201000000Z", "-notext"], check=True, capture_output=True)

    def stop(self):
        for server in self.servers:
            server.terminate()
        shutil.rmtree(self.folder, ignore_errors=True)


def key(value):
    default = "HllvX50cXC0"
    return (value["dataElement"], value["period"], value["orgUnit"], value.get("categoryOptionCombo") or default,
            value.get("attributeOptionCombo") or default)


class Case:
    """One fault, in front of one of the two servers."""

    def __init__(self, world, name, specification=None, behaviour=None, network=None):
        self.world, self.name, self.specification, self.behaviour, self.network = world, name, specification, behaviour, network
        self.extra = ""
        self.hostile = None

    def open(self, url, path):
        """The address to use instead, with the fault in the way of this path."""
        world = self.world
        if self.specification:
            fault = {"times": 0, "path": path, **self.specification}
            world.fetch(url, "/control/faults", "POST", json.dumps([fault]).encode())
            return url
        if self.behaviour:
            self.hostile = hostile.Hostile(url, self.behaviour, path)
            return self.hostile.url
        if self.network == "name not found":
            return "http://no-such-host.invalid"
        if self.network == "connection refused":
            return "http://127.0.0.1:1"
        if self.network == "TLS: not TLS":
            return url.replace("http:", "https:")
        name = {"TLS: self-signed": "self", "TLS: expired": "expired", "TLS: another host": "other"}[self.network]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{world.folder}/{name}.pem", f"{world.folder}/{name}.key")
        self.hostile = hostile.Hostile(url, "honest", "/nothing", context)
        # Trusted as an authority, the certificate is wrong all the same.
        self.extra = "" if name == "self" else f"--ca-file {world.folder}/{name}.pem"
        return self.hostile.url

    def close(self):
        for url in (self.world.source, self.world.destination):
            self.world.fetch(url, "/control/faults", "DELETE")
        if self.hostile:
            self.hostile.close()


class Broken(Exception):
    """A promise was not kept."""


def promise(holds, text):
    if not holds:
        raise Broken(text)


def check_manners(outcome, command):
    promise("HANGS" not in outcome.stderr, "it hangs")
    promise(outcome.returncode in ALLOWED, f"status {outcome.returncode}")
    promise(PASSWORD not in outcome.stdout + outcome.stderr, "the password is shown")
    control = re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]", outcome.stderr)
    promise(not control, f"a control character reaches the terminal: {control and control[0]!r}")
    for line in outcome.stderr.splitlines():
        promise(re.match(r"d2-[a-z]+: ", line), f"a line of stderr is not ours: {line[:200]}")
        promise(len(line) < 2000, "a message has no end")
    promise(outcome.returncode == 0 or outcome.stderr.strip(), "it fails without a word")
    promise(hostile.OTHER.authorizations == [], "credentials followed a redirect")


def pull(case, options):
    world = case.world
    url = case.open(world.source, "/api/dataValueSets")
    outcome = world.run(f"d2-pull --url {url} {world.selection} {FAST} {case.extra} {options}")
    check_manners(outcome, "d2-pull")
    lines = outcome.stdout.splitlines()
    if case.behaviour != "latin1":
        promise(set(lines) <= world.lines, f"a line that is none of the source's: {next(iter(set(lines) - world.lines), '')[:100]}")
        promise(len(set(lines)) == len(lines), "a value comes twice")
        promise(outcome.returncode != 0 or set(lines) == world.lines, f"status 0 with {len(lines)} of {len(world.lines)} values")
    promise(not outcome.stdout or outcome.stdout.endswith("\n"), "the last line is not whole")
    return outcome


def push(case, options):
    world = case.world
    world.fetch(world.destination, "/control/values", "DELETE")
    for name in ("rejects", "rejects.part", "account"):
        if os.path.exists(f"{world.folder}/{name}"):
            os.remove(f"{world.folder}/{name}")
    url = case.open(world.destination, "/api/dataValueSets")
    outcome = world.run(f"d2-push --url {url} --rejects rejects --summary account {FAST} {case.extra} {options} < values > batches")
    check_manners(outcome, "d2-push")
    case.close()
    with open(f"{world.folder}/values", encoding="utf-8") as file:
        wanted = {key(value): value.get("value") for value in map(json.loads, file) if not value.get("deleted")}
    held = world.held(world.destination)
    kept = set()
    if os.path.exists(f"{world.folder}/rejects"):
        with open(f"{world.folder}/rejects", encoding="utf-8") as file:
            kept = {key(json.loads(line)["value"]) for line in file}
    lost = [found for found, value in wanted.items() if held.get(found) != value and found not in kept]
    # What a server says that it did can only be believed, or found out by d2-diff.
    if case.behaviour not in ("lies-much", "lies-little", "lies-overflow"):
        if os.path.exists(f"{world.folder}/account"):
            promise(not lost or outcome.returncode not in (0, 1), f"status {outcome.returncode}, and {len(lost)} values are lost")
        promise(outcome.returncode != 0 or not lost, f"status 0, and {len(lost)} values are not there")
    promise(set(held) <= set(wanted), "the destination holds what was never sent")
    if os.path.exists(f"{world.folder}/account"):
        with open(f"{world.folder}/account", encoding="utf-8") as file:
            account = json.load(file)
        total = sum(account[name] for name in ("imported", "updated", "deleted", "ignored", "refused", "notSent", "notKept"))
        promise(account["read"] == total, f"the account does not add up: {account}")
    return outcome


def ready(world, source, destination, more=""):
    """A pair of these addresses in a fresh store."""
    if world.store:
        subprocess.run(["psql", "-X", "-q", "-c", "DROP SCHEMA IF EXISTS matrix CASCADE", "-c", "CREATE SCHEMA matrix", world.store], check=True, capture_output=True)
        world.environment["D2_STORE"] = world.store + ("&" if "?" in world.store else "?") + "options=-csearch_path%3Dmatrix"
    else:
        for name in os.listdir(world.folder):
            if name.startswith("store."):
                os.remove(f"{world.folder}/{name}")
        world.environment["D2_STORE"] = f"{world.folder}/store.sqlite"
    made = world.run(
        f"d2-pairs add p --quiet --source-url {world.source} --source-username admin --source-password env:D2_PASSWORD --destination-url "
        f"{world.destination} --destination-username admin --destination-password env:D2_PASSWORD > /dev/null && {more or 'true'} && "
        f"d2-pairs set p --quiet --source-url {source} --destination-url {destination} > /dev/null")
    promise(made.returncode == 0, f"no pair: {made.stderr}")


SYNC = "d2-orgunits sync --pair p --quiet > /dev/null && d2-datasets sync --pair p --quiet > /dev/null"


def sync(case, options):
    world = case.world
    ready(world, case.open(world.source, "/api/organisationUnits"), world.destination)
    outcome = world.run(f"d2-orgunits sync --pair p {FAST} {case.extra} {options}")
    check_manners(outcome, "d2-orgunits")
    case.close()
    units = len(world.run("d2-orgunits list --pair p --format json").stdout.splitlines())
    promise(units == (60 if outcome.returncode == 0 else 0), f"status {outcome.returncode} with {units} of 60 units in the store")
    return outcome


def test(case, options):
    world = case.world
    ready(world, case.open(world.source, "/api/system/info"), world.destination)
    outcome = world.run(f"d2-pairs test p {FAST} {case.extra} {options}")
    check_manners(outcome, "d2-pairs")
    return outcome


def work(case, options):
    world = case.world
    world.fetch(world.destination, "/control/values", "DELETE")
    ready(world, world.source, world.destination, SYNC + " && d2-slices plan --pair p --from 2021-12-01 --to 2023-01-31 --quiet > /dev/null")
    url = case.open(world.source, "/api/dataValueSets")
    world.run(f"d2-pairs set p --quiet --source-url {url} > /dev/null")
    outcome = world.run(
        f"d2-slices run --pair p --attempts 2 --retry-after 0.1s --give-up-after 2s --lease 20s {options} -- "
        f"'d2-pull --slice \"$D2_SLICE\" --spool --retries 0 --first-byte-timeout 1 --idle-timeout 1 {case.extra} | d2-push --slice \"$D2_SLICE\" > /dev/null'", 120)
    check_manners(outcome, "d2-slices")
    case.close()
    world.run(f"d2-pairs set p --quiet --source-url {world.source} > /dev/null")
    # No slice is done that was not moved.
    done = world.run("d2-slices list --pair p --state done --format json").stdout.splitlines()
    for slice in done:
        same = world.run("d2-diff --quiet --slice \"$S\" > /dev/null", S=slice)
        promise(same.returncode == 0, f"a slice is done that was not moved: {slice[:150]}")
    promise(outcome.returncode != 0 or len(done) == len(world.run("d2-slices list --pair p").stdout.splitlines()), "status 0, not all is done")
    # And when the fault is gone all comes to its end.
    healed = world.run("d2-slices reset --pair p --state failed,refused --quiet; d2-slices run --pair p --jobs 2 --quiet --retry-after 0.1s", 120)
    promise(healed.returncode == 0, f"healed, but status {healed.returncode}: {healed.stderr[:200]}")
    promise(world.held(world.source) == world.held(world.destination), "healed, but the destination differs")
    return outcome


def diff(case, options):
    world = case.world
    world.fetch(world.destination, "/control/values", "DELETE")
    world.run(f"d2-push --url {world.destination} --quiet < values > /dev/null")
    changed = dict(next(value for value in map(json.loads, world.values.splitlines()) if not value.get("deleted") and value["value"].isdigit()))
    changed["value"] = str(int(changed["value"]) + 1)
    world.fetch(world.destination, "/control/values", "POST", (json.dumps(changed) + "\n").encode())
    ready(world, world.source, world.destination, SYNC)
    url = case.open(world.source, "/api/dataValueSets")
    world.run(f"d2-pairs set p --quiet --source-url {url} > /dev/null")
    outcome = world.run(f"d2-diff --pair p --from 2021-12-01 --to 2023-01-31 {FAST} {case.extra} {options}")
    for line in outcome.stderr.splitlines():
        promise(re.match(r"d2-(diff|pull): ", line), f"a line of stderr is not ours: {line[:200]}")
    check_manners(outcome, "d2-diff")
    if case.behaviour not in ("latin1", "empty-body", "no-content"):
        promise(outcome.returncode != 0, "status 0, though a value differs")
        promise(outcome.returncode == 1 or not outcome.stdout, f"status {outcome.returncode}, and something is written")
        promise(outcome.returncode != 1 or len(outcome.stdout.splitlines()) == 1, f"one value differs, {len(outcome.stdout.splitlines())} are told")
    return outcome


COMMANDS = [
    ("d2-pull", pull, [""]), ("d2-pull --concurrency 4", pull, ["--concurrency 4"]), ("d2-pull --spool", pull, ["--spool"]),
    ("d2-push", push, [""]), ("d2-push --concurrency 4", push, ["--concurrency 4 --batch-size 300"]), ("d2-orgunits sync", sync, [""]),
    ("d2-pairs test", test, [""]), ("d2-slices run --jobs 3", work, ["--jobs 3"]), ("d2-diff", diff, [""]),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--only", default="")
    parser.add_argument("--command", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--store", default="")
    parser.add_argument("--table", default="")
    options = parser.parse_args()
    world = World(os.path.abspath(options.binaries), options.store)
    cases = [("none", {"specification": {"kind": "latency", "seconds": 0.001}})]
    cases += [(name, {"specification": specification}) for name, specification in STAND_IN]
    cases += [(name, {"behaviour": name}) for name in hostile.BEHAVIOURS if name != "honest"]
    cases += [(name, {"network": name}) for name in NETWORK]
    cases = [case for case in cases if options.only in case[0]]
    if options.quick:
        cases = cases[::5]
    commands = [command for command in COMMANDS if options.command in command[0]]
    rows, broken, begin, count = [], [], time.monotonic(), 0
    try:
        for name, what in cases:
            row = [name]
            for title, run, variants in commands:
                for variant in variants:
                    case = Case(world, name, **what)
                    count += 1
                    try:
                        outcome = run(case, variant)
                        row.append(str(outcome.returncode))
                    except Broken as reason:
                        row.append("**broken**")
                        broken.append(f"{name} / {title}: {reason}")
                        print(f"faults: BROKEN: {name} / {title}: {reason}", file=sys.stderr, flush=True)
                    finally:
                        case.close()
            print(f"faults: {name}: {' '.join(row[1:])}", file=sys.stderr, flush=True)
            rows.append(row)
    finally:
        world.stop()
    table = ["| fault | " + " | ".join(f"`{title}`" for title, _, _ in commands) + " |", "|---|" + "--:|" * len(commands)]
    table += ["| " + " | ".join(row) + " |" for row in rows]
    text = "\n".join(table) + "\n"
    if options.table:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text)
    print(f"faults: {count} runs in {time.monotonic() - begin:.0f} s, {len(broken)} promises broken", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
