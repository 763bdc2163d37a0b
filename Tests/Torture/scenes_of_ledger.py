"""What is killed of d2-slices."""

import json
import os

from promises import promise
from scene import OLD, SPAN, Scene, document
from world import SYNC, key


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
        promise(self.planned() in (([], []), self.whole[self.variant]),
                f"a plan half made: {self.variant}: {len(self.planned()[0])} slices")

    def settle(self):
        self.do(self.arguments())
        promise(self.planned() == self.whole[self.variant], "the next run comes to another end")


class Work(Scene):
    """A runner dies several times over one ledger, before an undisturbed one ends it."""

    title = "d2-slices run"
    deaths = 6
    quarter = ["-y", "2022", "-q", "1"]
    plan = ["d2-slices", "plan", "--pair", "p", *quarter, "--quiet"]
    run = ["d2-slices", "run", "--pair", "p", "--jobs", "2", "--lease", "1s", "--retry-after", "0.1s",
           "--attempts", "1000", "--quiet"]
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
            self.world.empty_destination()
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
        self.do(["d2-pull", "--pair", "p", "--data-set", self.set, *SPAN,
                "--summary", "pulled", "--quiet"], target=self.world.path("values"))
        self.do(["d2-push", "--pair", "p", "--summary", "pushed", "--quiet"], source=self.world.path("values"))

    def back(self):
        """To the state before any claim."""
        self.store.rows(
            "UPDATE slices SET state = 'waiting', token = NULL, worker = NULL, lease_until = NULL, attempts = 0, "
            "next_attempt = NULL, "
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
        mark = self.store.rows(
            f"SELECT synced_through IS NOT NULL FROM sync_datasets WHERE dataset_id = '{self.set}'")[0][0]
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
            promise(is_leased or (state == "waiting" and not token and attempts == "0"),
                    f"a slice half claimed: {self.row()}")
            promise(not told or (is_leased and told["token"] == token), "a claim was told that is none")
        elif self.verb == "renew":
            promise(state == "leased" and int(lease) >= int(self.lease), f"a lease half renewed: {self.row()}")
        else:
            self.noted = state != "leased"
        if self.verb == "done":
            promise((state, bool(pulled), window, mark) in (("leased", False, "open", False),
                    ("done", True, "done", True)), f"a slice half done: {self.row()}")
        else:
            promise(window == "open" and not mark and not pulled, f"done, and nobody said so: {self.row()}")
        if self.verb == "fail":
            promise((state, error) in (("leased", ""), ("retry", "no space left")),
                    f"a failure half noted: {self.row()}")

    def settle(self):
        if self.verb == "claim":
            status = self.row()[0]
            self.do(self.arguments(), (1,) if status == "leased" else (0,))
            promise(self.row()[0] == "leased", "the next run comes to another end")
            return
        self.do(self.arguments(), (1,) if self.row()[0] != "leased" else (0,))
        promise(self.row()[0] == {"renew": "leased", "done": "done", "fail": "retry"}
                [self.verb], "the next run comes to another end")


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
