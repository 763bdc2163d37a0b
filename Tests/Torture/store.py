"""The two kinds of stores, and a look into one past the commands."""

import contextlib
import os
import re
import sqlite3
import subprocess

from promises import promise, wait_until

KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
SERVER = "D2_TEST_POSTGRESQL"
END = "no more rows"
# The connections to this database but our own.
OTHERS = ("FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database() "
          "AND pid <> pg_backend_pid()")


@contextlib.contextmanager
def database(kind):
    """A PostgreSQL database for a while, as its address; of SQLite an empty text: the world has a file."""
    if kind == "sqlite":
        yield ""
        return
    server, name = os.environ[SERVER], f"d2_torture_{os.getpid()}"
    ask = ["psql", "-X", "-q", server, "-c"]
    subprocess.run([*ask, f"CREATE DATABASE {name}"], check=True)
    try:
        yield re.sub(r"^(\w+://[^/?]*)/[^?]*", rf"\1/{name}", server)
    finally:
        subprocess.run([*ask, f"DROP DATABASE {name} WITH (FORCE)"], check=False)


class Store:
    """Looks into the store of a world, whichever database it is."""

    def __init__(self, world):
        self.world, self.psql = world, None
        self.kind = KINDS["postgresql" if world.store else "sqlite"]

    def forget(self):
        """Ends the connection, so that the database can be made anew."""
        if self.psql:
            self.psql.kill()
            self.psql.wait()
            self.psql = None

    def rows(self, query):
        """The rows of a query, all of text; of a statement that changes something, none."""
        if not self.world.store:
            with sqlite3.connect(self.world.path("store.sqlite"), timeout=20) as connection:
                found = [tuple("" if value is None else str(value) for value in row)
                         for row in connection.execute(query)]
            connection.close()
            return found
        if not self.psql:
            # One for all queries: to begin one takes longer than to ask.
            self.psql = subprocess.Popen(
                ["psql", "-X", "-q", "-A", "-t", "-F", "\t", self.world.environment["D2_STORE"]],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write(f"{query};\n\\echo {END}\n")
        self.psql.stdin.flush()
        found = []
        while (line := self.psql.stdout.readline()) != END + "\n":
            promise(line, "the database is gone")
            found.append(tuple(line[:-1].split("\t")))
        return found

    def count(self, table, where="true"):
        return int(self.rows(f"SELECT count(*) FROM {table} WHERE {where}")[0][0])

    def end_connections(self, most=None):
        """Ends the connections of commands to the database: all, or so many at random. Returns how many."""
        limit = f"ORDER BY random() LIMIT {most}" if most else ""
        return len(self.rows(f"SELECT pg_terminate_backend(pid) {OTHERS} {limit}"))

    def check(self):
        """It opens and is sound, and nobody else can read it."""
        if self.world.store:
            # The server may still be at what a command asked for that is dead already.
            wait_until(lambda: self.rows("SELECT count(*) " + OTHERS) == [("0",)], 10,
                       "a killed command is still connected", 0.005)
            if self.rows("SELECT to_regclass('d2_schema') IS NULL") == [("f",)]:
                promise(self.rows("SELECT max(version) FROM d2_schema") == [("4",)], "the schema has no version")
        elif os.path.exists(self.world.path("store.sqlite")):
            promise(self.rows("PRAGMA integrity_check") == [("ok",)], "the store is damaged")
            promise(self.rows("PRAGMA foreign_key_check") == [], "rows of the store lack what they refer to")
