"""What is killed: each command, what may be found afterwards, and what an undisturbed run must come to."""

import json
import os
import subprocess

from matrix import SYNC, key, promise, ready

SPAN = ["--from", "2021-12-01", "--to", "2023-01-31"]
OLD = b"old\n"


class Scene:
    """A command that is killed again and again."""

    title = ""
    # Run once, before anything is killed.
    ready = SYNC
    # Whether what a kill leaves could change the next run: then each kill is followed by an undisturbed one, else every tenth.
    leaves_state = True

    def __init__(self, world, store):
        self.world, self.store = world, store

    def prepare(self):
        """A pair in a fresh store, and what an undisturbed run leaves."""
        if self.store.psql:
            self.store.psql.kill()
            self.store.psql = None
        self.world.fetch(self.world.destination, "/control/values", "DELETE")
        ready(self.world, self.world.source, self.world.destination, self.ready)
        self.learn()

    def learn(self):
        pass

    def do(self, arguments, statuses=(0,), **more):
        """Runs a command undisturbed, which must end well; returns how long it took."""
        status, seconds = self.world.undisturbed(arguments, **more)
        promise(status in statuses, f"{' '.join(arguments[:2])}: status {status} undisturbed: {self.world.errors()}")
        return seconds

    def old_or_new(self, name, is_new):
        """A file that takes its place at the end."""
        found = self.world.read(name)
        promise(found == OLD or is_new(found), f"{name} is neither the old nor the new one: {found[:200]}")
        return found != OLD


def document(data):
    try:
        return json.loads(data)
    except ValueError:
        return {}


class Pull(Scene):
    title = "d2-pull"
    leaves_state = False
    variants = [[], ["--spool"], ["--concurrency", "4"]]

    def arguments(self):
        return ["d2-pull", "--pair", "p", *SPAN, "--summary", "summary", *self.world.draw.choice(self.variants)]

    def run(self):
        self.world.write("summary", OLD)
        seconds = self.do(self.arguments(), target=self.world.path("out"))
        return seconds

    def learn(self):
        self.run()
        self.whole = set(self.world.read("out").split(b"\n")[:-1])
        promise(len(self.whole) > 1000, "hardly a value")

    undisturbed = run

    def strike(self, usual):
        self.world.write("summary", OLD)
        return self.world.strike(self.arguments(), usual, target=self.world.path("out"))

    def check(self):
        *lines, last = self.world.read("out").split(b"\n")
        promise(len(set(lines)) == len(lines), "a value comes twice")
        promise(set(lines) <= self.whole, "a line that is none of the source's")
        promise(any(line.startswith(last) for line in self.whole), f"the last line is none of the source's: {last[:100]}")
        if self.old_or_new("summary", lambda data: document(data).get("values") == len(self.whole)):
            promise(set(lines) == self.whole, "a summary of values that were not written")

    def settle(self):
        self.run()
        promise(set(self.world.read("out").split(b"\n")[:-1]) == self.whole, "the next run comes to another end")


class Push(Scene):
    title = "d2-push"
    variants = [[], ["--concurrency", "4"]]

    def arguments(self):
        return ["d2-push", "--pair", "p", "--batch-size", "250", "--rejects", "rejects", "--overwrite-rejects", "--summary", "summary", *self.world.draw.choice(self.variants)]

    def before(self):
        self.world.fetch(self.world.destination, "/control/values", "DELETE")
        self.world.write("rejects", OLD)
        self.world.write("summary", OLD)

    def learn(self):
        lines = [line for line in self.world.values.splitlines() if not json.loads(line).get("deleted")][:1500]
        # Some that the server refuses, in the middle.
        for place in (40, 700, 701):
            value = json.loads(lines[place])
            lines[place] = json.dumps({**value, "orgUnit": "NoSuchUnit1"}, separators=(",", ":"))
        self.lines = [json.loads(line) for line in lines]
        self.world.write("input", ("\n".join(lines) + "\n").encode())
        self.wanted = {key(value): value["value"] for value in self.lines if value["orgUnit"] != "NoSuchUnit1"}
        self.undisturbed()

    def undisturbed(self):
        self.before()
        return self.run()

    def run(self):
        seconds = self.do(self.arguments(), (1,), source=self.world.path("input"))
        promise(self.world.held(self.world.destination) == self.wanted, "the destination does not hold what was sent")
        promise(self.are_rejects(self.world.read("rejects")), "the rejects are others")
        promise(self.is_account(self.world.read("summary")), "the account is another")
        return seconds

    def strike(self, usual):
        self.before()
        return self.world.strike(self.arguments(), usual, source=self.world.path("input"), target=self.world.path("out"))

    @staticmethod
    def are_rejects(data, whole=True):
        lines = [document(line) for line in data.split(b"\n")[:-1]]
        numbers = sorted(line.get("line", 0) for line in lines)
        return numbers == [41, 701, 702] if whole else set(numbers) <= {41, 701, 702}

    def is_account(self, data):
        account = document(data)
        return account.get("read") == len(self.lines) == sum(
            account[name] for name in ("imported", "updated", "deleted", "ignored", "refused", "notSent", "notKept"))

    def check(self):
        held = self.world.held(self.world.destination)
        promise(all(self.wanted.get(found) == value for found, value in held.items()), "the destination holds what was never sent")
        self.old_or_new("rejects", self.are_rejects)
        promise(self.are_rejects(self.world.read("rejects.part"), whole=False), "rejects.part has others")
        if self.old_or_new("summary", self.is_account):
            promise(held == self.wanted, "an account of values that are not there")
        # What a batch's line says was taken was taken.
        for line in self.world.read("out").split(b"\n")[:-1]:
            batch = json.loads(line)
            taken = [value for value in self.lines[batch["firstLine"] - 1:batch["lastLine"]] if value["orgUnit"] != "NoSuchUnit1"]
            there = sum(held.get(key(value)) == value["value"] for value in taken)
            promise(there >= batch["imported"] + batch["updated"], f"a batch says more than is there: {line[:200]}")

    def settle(self):
        self.run()


class Pairs(Scene):
    """Adds, changes and removes pairs, each with what belongs to it."""

    title = "d2-pairs add, set, remove"
    number = 0
    verb = "add"
    # Kept in the store as they are: the file must be private.
    secrets = {"D2_SOURCE_PASSWORD": "hiddenInTheMatrix", "D2_DESTINATION_PASSWORD": "hiddenInTheMatrix"}

    def add(self):
        return ["d2-pairs", "add", self.name, "--quiet", "--source-url", self.world.source, "--source-name", "s-" + self.name,
                "--source-username", "admin", "--destination-url", self.world.destination, "--destination-name", "d-" + self.name,
                "--destination-username", "admin"]

    def change(self):
        return ["d2-pairs", "set", self.name, "--quiet", "--source-url", "https://a.example", "--destination-url", "https://b.example"]

    def remove(self):
        return ["d2-pairs", "remove", self.name, "--yes", "--quiet"]

    def next(self):
        Pairs.number += 1
        self.name = f"pair{Pairs.number}"
        self.verb = self.world.draw.choice(["add", "set", "remove"])
        if self.verb != "add":
            self.do(self.add(), **self.secrets)
        if self.verb == "remove":
            pair = self.id()
            self.store.rows("INSERT INTO orgunits (integration_pair_id, dhis2_id) VALUES " + ",".join(f"({pair}, 'u{n}')" for n in range(400)))
            self.store.rows("INSERT INTO sync_datasets (integration_pair_id, dataset_id) VALUES " + ",".join(f"({pair}, 's{n}')" for n in range(20)))
            self.store.rows(
                "INSERT INTO slices (integration_pair_id, dataset_id, periods, orgunits, children, rank, newest) VALUES " + ",".join(
                    f"({pair}, 's1', 'p{n}', {self.units}, true, 1, 1)" for n in range(400)))

    def learn(self):
        self.units = "'{u1}'" if self.world.store else "'u1'"
        self.name = "gold"
        self.do(self.add(), **self.secrets)
        self.added = self.configuration("gold")
        self.do(self.change())
        self.changed = self.configuration("gold")
        promise(self.added and self.changed and self.added != self.changed, "no pair to compare with")

    def configuration(self, name):
        return [tuple(json.dumps(document(column), sort_keys=True).replace(name, "") if column.startswith("{") else column for column in row)
                for row in self.store.rows(f"SELECT source_config, destination_config, is_active FROM integration_pair WHERE name = '{name}'")]

    def id(self):
        return self.store.rows(f"SELECT id FROM integration_pair WHERE name = '{self.name}'")[0][0]

    def arguments(self):
        return {"add": self.add, "set": self.change, "remove": self.remove}[self.verb]()

    def undisturbed(self):
        self.next()
        return self.do(self.arguments(), **self.secrets)

    def strike(self, usual):
        self.next()
        self.pair = None if self.verb == "add" else self.id()
        return self.world.strike(self.arguments(), usual, **self.secrets)

    def check(self):
        found = self.configuration(self.name)
        if self.verb == "add":
            promise(found in ([], self.added), f"a pair half added: {found}")
        elif self.verb == "set":
            promise(found in (self.added, self.changed), f"a pair half changed: {found}")
        else:
            belongings = tuple(
                self.store.count(table, f"integration_pair_id = {self.pair}") for table in ("orgunits", "sync_datasets", "slices"))
            promise((found, belongings) in ((self.added, (400, 20, 400)), ([], (0, 0, 0))), f"a pair half removed: {found} {belongings}")

    def settle(self):
        is_done = self.configuration(self.name) == {"add": self.added, "set": None, "remove": []}[self.verb]
        if not is_done:
            self.do(self.arguments(), **self.secrets)
        promise(self.configuration(self.name) == {"add": self.added, "set": self.changed, "remove": []}[self.verb], "the next run comes to another end")
        # Few pairs, so that all rounds are alike.
        if self.verb != "remove":
            self.store.rows(f"DELETE FROM integration_pair WHERE name = '{self.name}'")


class Begin(Scene):
    """The first command of all, which makes the store."""

    title = "d2-pairs add, the first"

    def arguments(self):
        return ["d2-pairs", "add", "first", "--quiet", "--source-url", self.world.source, "--source-username", "admin",
                "--destination-url", self.world.destination, "--destination-username", "admin"]

    def before(self):
        if self.world.store:
            if self.store.psql:
                self.store.psql.kill()
                self.store.psql = None
        ready_nothing(self.world)

    def undisturbed(self):
        self.before()
        return self.do(self.arguments(), **Pairs.secrets)

    def strike(self, usual):
        self.before()
        return self.world.strike(self.arguments(), usual, **Pairs.secrets)

    def pairs(self):
        """How many there are; 0 where there is no table yet."""
        if self.world.store and self.store.rows("SELECT to_regclass('integration_pair') IS NULL")[0][0] == "t":
            return 0
        if not self.world.store and not self.store.rows("SELECT 1 FROM sqlite_master WHERE name = 'integration_pair'"):
            return 0
        return self.store.count("integration_pair")

    def check(self):
        promise(self.pairs() in (0, 1), "more than a pair")

    def settle(self):
        self.do(self.arguments(), (0,) if self.pairs() == 0 else (78,), **Pairs.secrets)
        promise(self.pairs() == 1, "the next run comes to another end")


def ready_nothing(world):
    """No store at all."""
    if world.store:
        subprocess.run(["psql", "-X", "-q", "-c", "DROP SCHEMA IF EXISTS matrix CASCADE", "-c", "CREATE SCHEMA matrix", world.store], check=True,
                       capture_output=True)
    else:
        for name in os.listdir(world.folder):
            if name.startswith("store."):
                os.remove(world.path(name))


class Sync(Scene):
    """The names of all objects change at the source; the store has the old ones or the new ones, or at first none."""

    objects = table = column = ""
    round = 0

    def arguments(self):
        return [*self.title.split(), "--pair", "p", "--quiet"]

    def learn(self):
        found = self.world.get(self.world.source, f"/api/{self.objects}?fields=id&paging=false")
        self.ids = [found["id"] for found in found[self.objects]]
        self.rename()
        self.do(self.arguments())

    def rename(self):
        Sync.round += 1
        change = {self.objects: [{"id": id, "name": f"{id} of {Sync.round}"} for id in self.ids]}
        self.world.fetch(self.world.source, "/control/metadata", "POST", json.dumps(change).encode())
        self.was_empty = self.world.draw.random() < 0.25
        if self.was_empty:
            self.store.rows(f"DELETE FROM {self.table}")

    def names(self):
        return sorted(self.store.rows(f"SELECT {self.column}, is_active FROM {self.table}"))

    def wanted(self, round):
        active = "t" if self.world.store else "1"
        return sorted((f"{id} of {round}", active) for id in self.ids)

    def undisturbed(self):
        self.rename()
        return self.do(self.arguments())

    def strike(self, usual):
        self.rename()
        return self.world.strike(self.arguments(), usual)

    def check(self):
        before = [] if self.was_empty else self.wanted(Sync.round - 1)
        promise(self.names() in (before, self.wanted(Sync.round)), "the store has neither the old nor the new")

    def settle(self):
        self.do(self.arguments())
        promise(self.names() == self.wanted(Sync.round), "the next run comes to another end")


class OrgUnits(Sync):
    title, objects, table, column = "d2-orgunits sync", "organisationUnits", "orgunits", "dhis2_name"


class DataSets(Sync):
    title, objects, table, column = "d2-datasets sync", "dataSets", "sync_datasets", "dataset_name"


class Plan(Scene):
    title = "d2-slices plan"
    variants = {"backlog": SPAN, "increment": ["-i"], "registrations": [*SPAN, "--registrations"]}

    def arguments(self):
        return ["d2-slices", "plan", "--pair", "p", "--quiet", *self.variants[self.variant]]

    def before(self):
        self.variant = self.world.draw.choice(list(self.variants))
        self.empty()

    def empty(self):
        self.store.rows("DELETE FROM slices")
        self.store.rows("DELETE FROM sync_windows")

    def planned(self):
        slices = self.store.rows("SELECT dataset_id, periods, orgunits, kind, state FROM slices")
        windows = self.store.rows("SELECT dataset_id, kind, state FROM sync_windows")
        return sorted(slices), sorted(windows)

    def learn(self):
        self.whole = {}
        for self.variant in self.variants:
            self.empty()
            self.do(self.arguments())
            self.whole[self.variant] = self.planned()
            promise(self.planned()[0], "nothing is planned")

    def undisturbed(self):
        self.before()
        return self.do(self.arguments())

    def strike(self, usual):
        self.before()
        return self.world.strike(self.arguments(), usual)

    def check(self):
        promise(self.planned() in (([], []), self.whole[self.variant]), f"a plan half made: {self.variant}: {len(self.planned()[0])} slices")

    def settle(self):
        self.do(self.arguments())
        promise(self.planned() == self.whole[self.variant], "the next run comes to another end")


class Work(Scene):
    """A runner dies several times over one ledger, before an undisturbed one ends it."""

    title = "d2-slices run"
    deaths = 6
    quarter = ["-y", "2022", "-q", "1"]
    plan = ["d2-slices", "plan", "--pair", "p", *quarter, "--quiet"]
    run = ["d2-slices", "run", "--pair", "p", "--jobs", "2", "--lease", "1s", "--retry-after", "0.1s", "--attempts", "1000", "--quiet"]
    left = 0

    def learn(self):
        self.do(["d2-datasets", "set", "--pair", "p", "--include-deleted", "off", "all"])
        self.do(["d2-pull", "--pair", "p", *self.quarter, "--quiet"], target=self.world.path("out"))
        self.values = {}
        for line in self.world.read("out").splitlines():
            value = json.loads(line)
            self.values.setdefault((value["dataSet"], value["period"]), {})[key(value)] = value["value"]
        self.wanted = {found: value for some in self.values.values() for found, value in some.items()}
        promise(len(self.wanted) > 200, "hardly a value")
        self.left = 0

    def before(self):
        if self.left == 0:
            self.world.fetch(self.world.destination, "/control/values", "DELETE")
            self.store.rows("DELETE FROM slices")
            self.do(self.plan)
            self.left = self.deaths
        self.left -= 1

    def undisturbed(self):
        self.left = 0
        self.before()
        self.left = 0
        return self.finish()

    def finish(self):
        seconds = self.do(self.run)
        promise(self.store.count("slices", "state <> 'done'") == 0, "not all is done")
        promise(self.world.held(self.world.destination) == self.wanted, "all is done, but the destination differs")
        return seconds

    def strike(self, usual):
        self.before()
        return self.world.strike(self.run, usual / 2)

    def check(self):
        held = self.world.held(self.world.destination)
        for set_, periods in self.store.rows("SELECT dataset_id, periods FROM slices WHERE state = 'done'"):
            for period in periods.split(","):
                for found, value in self.values.get((set_, period), {}).items():
                    promise(held.get(found) == value, f"a slice is done that was not moved: {set_} {periods}")

    def settle(self):
        if self.left == 0 or self.store.count("slices", "state <> 'done'") == 0:
            self.left = 0
            self.finish()
            self.no_folders()

    def no_folders(self):
        left = os.listdir(self.world.temporary)
        promise(not left, f"folders of workers are left after the next run: {left}")


class Verbs(Scene):
    """One slice by hand: the window's mark moves with the slice that is done, or neither does."""

    title = "d2-slices claim, renew, done, fail"

    def learn(self):
        self.store.rows("DELETE FROM slices")
        self.store.rows("DELETE FROM sync_windows")
        self.set = self.store.rows("SELECT dataset_id FROM sync_datasets ORDER BY dataset_id LIMIT 1")[0][0]
        self.do(["d2-slices", "plan", "--pair", "p", "-i", "--data-set", self.set, "--quiet"])
        promise(self.store.count("slices") == 1 and self.store.count("sync_windows") == 1, "more than a slice")
        self.do(["d2-pull", "--pair", "p", "--data-set", self.set, *SPAN, "--summary", "pulled", "--quiet"], target=self.world.path("values"))
        self.do(["d2-push", "--pair", "p", "--summary", "pushed", "--quiet"], source=self.world.path("values"))

    def back(self):
        """To the state before any claim."""
        self.store.rows("UPDATE slices SET state = 'waiting', token = NULL, worker = NULL, lease_until = NULL, attempts = 0, next_attempt = NULL, "
                        "pulled = NULL, last_error = NULL, last_status = NULL")
        self.store.rows("UPDATE sync_windows SET state = 'open'")
        self.store.rows("UPDATE sync_datasets SET synced_through = NULL")

    def claim(self):
        self.do(["d2-slices", "claim", "--pair", "p"], target=self.world.path("slice"))
        return self.world.read("slice").decode().strip()

    def arguments(self):
        verb = ["d2-slices", self.verb, "--pair", "p"]
        if self.verb != "claim":
            verb += ["--slice", self.slice, "--quiet"]
        if self.verb == "done":
            verb += ["--pull-summary", "pulled", "--push-summary", "pushed"]
        if self.verb == "fail":
            verb += ["--error", "no space left", "--status", "74"]
        if self.verb == "renew":
            verb += ["--lease", "1h"]
        return verb

    def before(self):
        self.verb = self.world.draw.choice(["claim", "renew", "done", "fail"])
        self.back()
        if self.verb != "claim":
            self.slice = self.claim()
        self.lease = self.row()[2]

    def row(self):
        state, token, lease, pulled, error, attempts = self.store.rows(
            "SELECT state, token, lease_until, pulled, last_error, attempts FROM slices")[0]
        window = self.store.rows("SELECT state FROM sync_windows")[0][0]
        mark = self.store.rows(f"SELECT synced_through IS NOT NULL FROM sync_datasets WHERE dataset_id = '{self.set}'")[0][0]
        return state, token, lease, pulled, error, attempts, window, mark in ("1", "t")

    def undisturbed(self):
        self.before()
        return self.do(self.arguments())

    def strike(self, usual):
        self.before()
        return self.world.strike(self.arguments(), usual, target=self.world.path("out"))

    def check(self):
        state, token, lease, pulled, error, attempts, window, mark = self.row()
        self.noted = None
        if self.verb == "claim":
            told = document(self.world.read("out"))
            is_leased = state == "leased" and attempts == "1" and bool(token)
            promise(is_leased or (state == "waiting" and not token and attempts == "0"), f"a slice half claimed: {self.row()}")
            promise(not told or (is_leased and told["token"] == token), "a claim was told that is none")
        elif self.verb == "renew":
            promise(state == "leased" and int(lease) >= int(self.lease), f"a lease half renewed: {self.row()}")
        else:
            self.noted = state != "leased"
        if self.verb == "done":
            promise((state, bool(pulled), window, mark) in (("leased", False, "open", False), ("done", True, "done", True)),
                    f"a slice half done: {self.row()}")
        else:
            promise(window == "open" and not mark and not pulled, f"done, and nobody said so: {self.row()}")
        if self.verb == "fail":
            promise((state, error) in (("leased", ""), ("retry", "no space left")), f"a failure half noted: {self.row()}")

    def settle(self):
        if self.verb == "claim":
            status = self.row()[0]
            self.do(self.arguments(), (1,) if status == "leased" else (0,))
            promise(self.row()[0] == "leased", "the next run comes to another end")
            return
        self.do(self.arguments(), (1,) if self.row()[0] != "leased" else (0,))
        promise(self.row()[0] == {"renew": "leased", "done": "done", "fail": "retry"}[self.verb], "the next run comes to another end")


class Report(Scene):
    title = "d2-slices report"
    leaves_state = False
    ready = SYNC + " && d2-slices plan --pair p --from 2021-12-01 --to 2023-01-31 --quiet > /dev/null"
    command = ["d2-slices", "report", "--pair", "p", "--html", "report.html", "--quiet"]

    def undisturbed(self):
        self.world.write("report.html", OLD)
        return self.do(self.command)

    def strike(self, usual):
        self.world.write("report.html", OLD)
        return self.world.strike(self.command, usual)

    def check(self):
        self.old_or_new("report.html", lambda data: data.startswith(b"<!") and data.rstrip().endswith(b"</html>"))

    def settle(self):
        self.do(self.command)
        promise(self.world.read("report.html").rstrip().endswith(b"</html>"), "the next run comes to another end")


class Diff(Scene):
    """The destination lacks every tenth value."""

    title = "d2-diff"
    leaves_state = False

    def arguments(self):
        return ["d2-diff", "--pair", "p", *SPAN, "--summary", "summary", "--format", "ndjson"]

    def learn(self):
        lines = [line for line in self.world.values.splitlines() if not json.loads(line).get("deleted")]
        kept = [line for number, line in enumerate(lines) if number % 10]
        self.world.fetch(self.world.destination, "/control/values", "POST", ("\n".join(kept) + "\n").encode())
        self.undisturbed()
        self.whole = self.world.read("out")
        promise(self.whole.count(b"\n") > 100, "hardly a difference")

    def undisturbed(self):
        self.world.write("summary", OLD)
        return self.do(self.arguments(), (1,), target=self.world.path("out"))

    def strike(self, usual):
        self.world.write("summary", OLD)
        return self.world.strike(self.arguments(), usual, target=self.world.path("out"))

    def check(self):
        promise(self.whole.startswith(self.world.read("out")), "other differences than there are")
        if self.old_or_new("summary", lambda data: document(data) != {}):
            promise(self.world.read("out") == self.whole, "a summary of differences that were not written")

    def settle(self):
        self.undisturbed()
        promise(self.world.read("out") == self.whole, "the next run comes to another end")


class Suggest(Scene):
    title = "d2-map suggest"
    leaves_state = False
    command = ["d2-map", "suggest", "--pair", "p", "--quiet"]

    def learn(self):
        self.undisturbed()
        self.whole = self.world.read("out")
        promise(self.whole.count(b"\n") > 50, "hardly a suggestion")

    def undisturbed(self):
        return self.do(self.command, target=self.world.path("out"))

    def strike(self, usual):
        return self.world.strike(self.command, usual, target=self.world.path("out"))

    def check(self):
        promise(self.whole.startswith(self.world.read("out")), "another table than the whole one")

    def settle(self):
        self.undisturbed()
        promise(self.world.read("out") == self.whole, "the next run comes to another end")


SCENES = [Pull, Push, Begin, Pairs, OrgUnits, DataSets, Plan, Work, Verbs, Report, Diff, Suggest]
