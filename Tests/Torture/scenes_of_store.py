"""What is killed of the commands that keep pairs, organisation units and data sets."""

import json

from promises import promise
from scene import Scene, document


class Pairs(Scene):
    """Adds, changes and removes pairs, each with what belongs to it."""

    title = "d2-pairs add, set, remove"
    number = 0
    verb = "add"
    # Kept in the store as they are: the file must be private.
    secrets = {"D2_SOURCE_PASSWORD": "hiddenInTheMatrix", "D2_DESTINATION_PASSWORD": "hiddenInTheMatrix"}

    def add(self):
        return ["d2-pairs", "add", self.name, "--quiet", "--source-url", self.world.source,
                "--source-name", "s-" + self.name, "--source-username", "admin",
                "--destination-url", self.world.destination, "--destination-name", "d-" + self.name,
                "--destination-username", "admin"]

    def change(self):
        return ["d2-pairs", "set", self.name, "--quiet", "--source-url", "https://a.example",
                "--destination-url", "https://b.example"]

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
            self.insert("orgunits (integration_pair_id, dhis2_id)", [f"({pair}, 'u{n}')" for n in range(400)])
            self.insert("sync_datasets (integration_pair_id, dataset_id)", [f"({pair}, 's{n}')" for n in range(20)])
            self.insert("slices (integration_pair_id, dataset_id, periods, orgunits, children, rank, newest)",
                        [f"({pair}, 's1', 'p{n}', {self.units}, true, 1, 1)" for n in range(400)])

    def insert(self, table, rows):
        self.store.rows(f"INSERT INTO {table} VALUES {','.join(rows)}")

    def learn(self):
        self.units = "'{u1}'" if self.world.store else "'u1'"
        self.name = "gold"
        self.do(self.add(), **self.secrets)
        self.added = self.configuration("gold")
        self.do(self.change())
        self.changed = self.configuration("gold")
        promise(self.added and self.changed and self.added != self.changed, "no pair to compare with")

    def configuration(self, name):
        def comparable(column):
            if not column.startswith("{"):
                return column
            return json.dumps(document(column), sort_keys=True).replace(name, "")

        query = f"SELECT source_config, destination_config, is_active FROM integration_pair WHERE name = '{name}'"
        return [tuple(map(comparable, row)) for row in self.store.rows(query)]

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
                self.store.count(table, f"integration_pair_id = {self.pair}")
                for table in ("orgunits", "sync_datasets", "slices"))
            promise((found, belongings) in ((self.added, (400, 20, 400)), ([], (0, 0, 0))),
                    f"a pair half removed: {found} {belongings}")

    def settle(self):
        is_done = self.configuration(self.name) == {"add": self.added, "set": None, "remove": []}[self.verb]
        if not is_done:
            self.do(self.arguments(), **self.secrets)
        promise(self.configuration(self.name) == {"add": self.added, "set": self.changed, "remove": []}[
                self.verb], "the next run comes to another end")
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
        self.store.forget()
        self.world.empty_store()

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
