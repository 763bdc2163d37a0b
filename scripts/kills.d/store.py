"""Looks into a store past the commands, whichever database it is."""

import os
import sqlite3
import subprocess
import time

from matrix import promise

END = "no more rows"


class Store:
    def __init__(self, world):
        self.world, self.psql = world, None
        self.kind = "PostgreSQL" if world.store else "SQLite"

    def rows(self, query):
        """The rows of a query, all of text; of a statement that changes something, none."""
        if not self.world.store:
            with sqlite3.connect(self.world.folder + "/store.sqlite", timeout=20) as connection:
                found = [tuple("" if value is None else str(value) for value in row) for row in connection.execute(query)]
            connection.close()
            return found
        if not self.psql:
            # One for all queries: to begin one takes longer than to ask.
            self.psql = subprocess.Popen(
                ["psql", "-X", "-q", "-A", "-t", "-F", "\t", self.world.environment["D2_STORE"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True)
        self.psql.stdin.write(f"{query};\n\\echo {END}\n")
        self.psql.stdin.flush()
        found = []
        while (line := self.psql.stdout.readline()) != END + "\n":
            promise(line, "the database is gone")
            found.append(tuple(line[:-1].split("\t")))
        return found

    def count(self, table, where="true"):
        return int(self.rows(f"SELECT count(*) FROM {table} WHERE {where}")[0][0])

    def wait_for_others(self):
        """The server of the database may still be at what a command asked for that is dead already."""
        until = time.monotonic() + 10
        others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        while self.rows(others) != [("0",)]:
            promise(time.monotonic() < until, "a killed command is still connected")
            time.sleep(0.005)

    def check(self):
        """It opens and is sound, and nobody else can read it."""
        if self.world.store:
            self.wait_for_others()
            if self.rows("SELECT to_regclass('d2_schema') IS NULL") == [("f",)]:
                promise(self.rows("SELECT max(version) FROM d2_schema") == [("2",)], "the schema has no version")
            return
        path = self.world.folder + "/store.sqlite"
        if os.path.exists(path):
            promise(self.rows("PRAGMA integrity_check") == [("ok",)], "the store is damaged")
            promise(self.rows("PRAGMA foreign_key_check") == [], "rows of the store lack what they refer to")
