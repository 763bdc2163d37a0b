"""every command against every fault

The faults are those of the stand-in (Tests/StandIn/README.md), of the network and of TLS, and those of a server that
breaks HTTP itself (behaviours.py). After each run the promises are looked into: no value lost or doubled, no slice done
that was not, the account adds up, the status is right, one clear line, no secret, nothing that a terminal would obey.

A table in Markdown goes to stdout: a row a fault, a column a command, the statuses.
"""

import json
import re
import ssl
import sys
import time

import behaviours
import certificates
from hostile import Hostile
from promises import Broken, markdown, promise
from store import Store
from world import ACCOUNT, PASSWORD, SYNC, World, key

FAST = "--retries 1 --retry-for 3s --connect-timeout 2 --first-byte-timeout 2 --idle-timeout 2"
# No fault of a server is a bug of ours (70), or a crash (128 and more).
ALLOWED = {0, 1, 64, 65, 69, 73, 74, 75, 76, 77, 78}
SPAN = "--from 2021-12-01 --to 2023-01-31"

# Of the stand-in.
STAND_IN = {
    "HTTP 400": {"kind": "status", "status": 400}, "HTTP 401": {"kind": "status", "status": 401},
    "HTTP 403": {"kind": "status", "status": 403}, "HTTP 404": {"kind": "status", "status": 404},
    "HTTP 429 once": {"kind": "status", "status": 429, "times": 1}, "HTTP 500": {"kind": "status", "status": 500},
    "HTTP 502": {"kind": "status", "status": 502}, "HTTP 503 once": {"kind": "status", "status": 503, "times": 1},
    "HTTP 504": {"kind": "status", "status": 504}, "refused before the body is read": {"kind": "refuse-early"},
    "redirect to the login page": {"kind": "redirect"}, "a login page, HTTP 200": {"kind": "login-page"},
    "answer cut off": {"kind": "cut-body", "after": 700},
    "answer cut off, length promised": {"kind": "cut-body", "after": 700, "framing": "length"},
    "answer cut off, unseen by HTTP": {"kind": "cut-body", "after": 700, "framing": "close"},
    "cut off once": {"kind": "cut-body", "after": 700, "times": 1}, "connection reset": {"kind": "reset"},
    "reset in the answer": {"kind": "reset", "after": 700}, "answer lost": {"kind": "lost-answer", "times": 1},
    "answer stalls": {"kind": "stall", "after": 700, "seconds": 5},
    "slow first byte": {"kind": "slow-first-byte", "seconds": 5},
    "HTML in the middle": {"kind": "html-in-middle", "after": 700},
    "garbage for a chunk": {"kind": "garbage-chunk", "after": 700},
    "gzip cut": {"kind": "gzip-truncated", "after": 300}, "text/plain": {"kind": "content-type"},
    "short answer": {"kind": "short-answer"}, "import stops half-way": {"kind": "partial-import", "times": 1},
}
# Of TLS: which certificate the server has.
CERTIFICATES = {"TLS: self-signed": "self", "TLS: expired": "expired", "TLS: another host": "other"}
NETWORK = ["name not found", "connection refused", *CERTIFICATES, "TLS: not TLS"]


class Case:
    """One fault, in front of one of the two servers."""

    def __init__(self, world, name, specification=None, behaviour=None, network=None):
        self.world, self.name = world, name
        self.specification, self.behaviour, self.network = specification, behaviour, network
        self.extra = ""
        self.hostile = None

    def open(self, url, path):
        """The address to use instead, with the fault in the way of this path."""
        world = self.world
        if self.specification:
            world.set_faults(url, {"times": 0, "path": path, **self.specification})
            return url
        if self.behaviour:
            self.hostile = Hostile(url, behaviours.BEHAVIOURS[self.behaviour], path)
            return self.hostile.url
        if self.network == "name not found":
            return "http://no-such-host.invalid"
        if self.network == "connection refused":
            return "http://127.0.0.1:1"
        if self.network == "TLS: not TLS":
            return url.replace("http:", "https:")
        name = CERTIFICATES[self.network]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(world.path(name + ".pem"), world.path(name + ".key"))
        self.hostile = Hostile(url, behaviours.honest, "/nothing", context)
        # Trusted as an authority, the certificate is wrong all the same.
        self.extra = "" if name == "self" else f"--ca-file {world.path(name)}.pem"
        return self.hostile.url

    def close(self):
        self.world.heal()
        if self.hostile:
            self.hostile.close()


def check_manners(outcome, programs="[a-z]+"):
    """How every command ends and speaks, whatever happened."""
    promise("HANGS" not in outcome.stderr, "it hangs")
    promise(outcome.returncode in ALLOWED, f"status {outcome.returncode}")
    promise(PASSWORD not in outcome.stdout + outcome.stderr, "the password is shown")
    control = re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]", outcome.stderr)
    promise(not control, f"a control character reaches the terminal: {control and control[0]!r}")
    for line in outcome.stderr.splitlines():
        promise(re.match(rf"d2-({programs}): ", line), f"a line of stderr is not ours: {line[:200]}")
        promise(len(line) < 2000, "a message has no end")
    promise(outcome.returncode == 0 or outcome.stderr.strip(), "it fails without a word")
    promise(behaviours.OTHER.authorizations == [], "credentials followed a redirect")


# MARK: The commands


def pull(case, options):
    world = case.world
    url = case.open(world.source, "/api/dataValueSets")
    outcome = world.run(f"d2-pull --url {url} {world.selection} {FAST} {case.extra} {options}")
    check_manners(outcome)
    lines, whole = outcome.stdout.splitlines(), set(world.lines)
    if case.behaviour != "latin1":
        promise(set(lines) <= whole, f"a line that is none of the source's: {[*set(lines) - whole, ''][0][:100]}")
        promise(len(set(lines)) == len(lines), "a value comes twice")
        promise(outcome.returncode != 0 or set(lines) == whole, f"status 0 with {len(lines)} of {len(whole)} values")
    promise(not outcome.stdout or outcome.stdout.endswith("\n"), "the last line is not whole")
    return outcome


def push(case, options):
    world = case.world
    world.empty_destination()
    world.remove("rejects", "rejects.part", "account")
    url = case.open(world.destination, "/api/dataValueSets")
    outcome = world.run(
        f"d2-push --url {url} --rejects rejects --summary account {FAST} {case.extra} {options} < values > batches")
    check_manners(outcome)
    case.close()
    wanted = {key(value): value.get("value") for value in map(json.loads, world.lines) if not value.get("deleted")}
    held = world.held(world.destination)
    kept = {key(json.loads(line)["value"]) for line in world.read("rejects").splitlines()}
    lost = [found for found, value in wanted.items() if held.get(found) != value and found not in kept]
    account = json.loads(world.read("account") or "{}")
    # What a server says that it did can only be believed, or found out by d2-diff.
    if case.behaviour not in ("lies-much", "lies-little", "lies-overflow"):
        if account:
            promise(not lost or outcome.returncode not in (0, 1),
                    f"status {outcome.returncode}, and {len(lost)} values are lost")
        promise(outcome.returncode != 0 or not lost, f"status 0, and {len(lost)} values are not there")
    promise(set(held) <= set(wanted), "the destination holds what was never sent")
    if account:
        total = sum(account[name] for name in ACCOUNT)
        promise(account["read"] == total, f"the account does not add up: {account}")
    return outcome


def sync(case, options):
    world = case.world
    world.make_pair(source=case.open(world.source, "/api/organisationUnits"))
    outcome = world.run(f"d2-orgunits sync --pair p {FAST} {case.extra} {options}")
    check_manners(outcome)
    case.close()
    units = len(world.run("d2-orgunits list --pair p --format json").stdout.splitlines())
    promise(units == (60 if outcome.returncode == 0 else 0),
            f"status {outcome.returncode} with {units} of 60 units in the store")
    return outcome


def test(case, options):
    world = case.world
    world.make_pair(source=case.open(world.source, "/api/system/info"))
    outcome = world.run(f"d2-pairs test p {FAST} {case.extra} {options}")
    check_manners(outcome)
    return outcome


def work(case, options):
    world = case.world
    world.empty_destination()
    world.make_pair(then=f"{SYNC} && d2-slices plan --pair p {SPAN} --quiet > /dev/null")
    url = case.open(world.source, "/api/dataValueSets")
    world.run(f"d2-pairs set p --quiet --source-url {url} > /dev/null")
    pipeline = ("d2-pull --slice \"$D2_SLICE\" --spool --retries 0 --first-byte-timeout 1 --idle-timeout 1 "
                f"{case.extra} | d2-push --slice \"$D2_SLICE\" > /dev/null")
    # A stalled request is divided and asked again, for each slice.
    outcome = world.run("d2-slices run --pair p --attempts 2 --retry-after 0.1s --give-up-after 2s --lease 20s "
                        f"{options} -- '{pipeline}'", 300)
    check_manners(outcome)
    case.close()
    world.run(f"d2-pairs set p --quiet --source-url {world.source} > /dev/null")
    # No slice is done that was not moved.
    done = world.run("d2-slices list --pair p --state done --format json").stdout.splitlines()
    for slice in done:
        same = world.run("d2-diff --quiet --slice \"$S\" > /dev/null", S=slice)
        promise(same.returncode == 0, f"a slice is done that was not moved: {slice[:150]}")
    all_slices = world.run("d2-slices list --pair p").stdout.splitlines()
    promise(outcome.returncode != 0 or len(done) == len(all_slices), "status 0, not all is done")
    # And when the fault is gone all comes to its end.
    healed = world.run("d2-slices reset --pair p --state failed,refused --quiet; "
                       "d2-slices run --pair p --jobs 2 --quiet --retry-after 0.1s", 120)
    promise(healed.returncode == 0, f"healed, but status {healed.returncode}: {healed.stderr[:200]}")
    promise(world.held(world.source) == world.held(world.destination), "healed, but the destination differs")
    return outcome


def diff(case, options):
    world = case.world
    world.empty_destination()
    world.run(f"d2-push --url {world.destination} --quiet < values > /dev/null")
    changed = next(value for value in map(json.loads, world.lines)
                   if not value.get("deleted") and value["value"].isdigit())
    changed["value"] = str(int(changed["value"]) + 1)
    world.fetch(world.destination, "/control/values", "POST", (json.dumps(changed) + "\n").encode())
    world.make_pair(then=SYNC)
    url = case.open(world.source, "/api/dataValueSets")
    world.run(f"d2-pairs set p --quiet --source-url {url} > /dev/null")
    outcome = world.run(f"d2-diff --pair p {SPAN} {FAST} {case.extra} {options}")
    check_manners(outcome, "diff|pull")
    if case.behaviour not in ("latin1", "empty-body", "no-content"):
        promise(outcome.returncode != 0, "status 0, though a value differs")
        promise(outcome.returncode == 1 or not outcome.stdout, f"status {outcome.returncode}, and something is written")
        found = len(outcome.stdout.splitlines())
        promise(outcome.returncode != 1 or found == 1, f"one value differs, {found} are told")
    return outcome


COMMANDS = {
    "d2-pull": (pull, ""), "d2-pull --concurrency 4": (pull, "--concurrency 4"), "d2-pull --spool": (pull, "--spool"),
    "d2-push": (push, ""), "d2-push --concurrency 4": (push, "--concurrency 4 --batch-size 300"),
    "d2-orgunits sync": (sync, ""), "d2-pairs test": (test, ""), "d2-slices run --jobs 3": (work, "--jobs 3"),
    "d2-diff": (diff, ""),
}


def add_options(parser):
    parser.add_argument("--quick", action="store_true", help="a fifth of the faults")
    parser.add_argument("--only", default="", metavar="TEXT", help="the faults whose name holds a text")
    parser.add_argument("--command", default="", metavar="TEXT", help="the commands whose name holds a text")


def all_cases():
    cases = {"none": {"specification": {"kind": "latency", "seconds": 0.001}}}
    cases |= {name: {"specification": specification} for name, specification in STAND_IN.items()}
    cases |= {name: {"behaviour": name} for name in behaviours.BEHAVIOURS}
    return cases | {name: {"network": name} for name in NETWORK}


def try_out(case, title):
    """Runs one command against one fault. Returns its status, and the promise that was broken, if one was."""
    run, options = COMMANDS[title]
    try:
        return str(run(case, options).returncode), None
    except Broken as reason:
        print(f"faults: BROKEN: {case.name} / {title}: {reason}", file=sys.stderr, flush=True)
        return "**broken**", reason
    finally:
        case.close()


def run(options, binaries, address):
    cases = [case for case in all_cases().items() if options.only in case[0]][::5 if options.quick else 1]
    commands = [title for title in COMMANDS if options.command in title]
    world = World(binaries, address)
    rows, broken, begun = [], 0, time.monotonic()
    try:
        certificates.make(world.folder)
        world.learn()
        for name, what in cases:
            tried = [try_out(Case(world, name, **what), title) for title in commands]
            broken += sum(reason is not None for _, reason in tried)
            rows.append([name, *(status for status, _ in tried)])
            print(f"faults: {name}: {' '.join(rows[-1][1:])}", file=sys.stderr, flush=True)
    finally:
        world.stop()
    print(f"## Faults by commands, store on {Store(world).kind}\n")
    print(markdown(["fault", *(f">`{title}`" for title in commands)], rows) + "\n", flush=True)
    print(f"faults: {len(cases) * len(commands)} runs in {time.monotonic() - begun:.0f} s, {broken} promises broken",
          file=sys.stderr)
    return broken == 0
