"""Two servers and a pair between them: where the commands are run."""

import base64
import functools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from promises import promise

PASSWORD = "hiddenInTheMatrix"
# In PostgreSQL the store has a schema of its own, which is made anew for each case.
SCHEMA = "torture"
SYNC = "d2-orgunits sync --pair p --quiet > /dev/null && d2-datasets sync --pair p --quiet > /dev/null"
# How an account adds up: each value that was read is in one of these.
ACCOUNT = ("imported", "updated", "deleted", "ignored", "refused", "notSent", "notKept")


class World:
    """Two stand-in servers of one country, and a folder in which commands are run."""

    def __init__(self, binaries, store, units=60, values=2600, faults=()):
        """The store: a PostgreSQL database's address; empty: a SQLite file. Each server begins with the faults."""
        self.folder = tempfile.mkdtemp(prefix="d2-torture-")
        self.binaries = binaries
        self.store = store
        self.servers = []
        self.country = ["--generate", str(units), "--years", "2022..2022", "--admin-password", PASSWORD]
        self.country += [word for fault in faults for word in ("--fault", json.dumps(fault))]
        self.source = self.start("--generate-values", str(values))
        self.destination = self.start()
        self.environment = {
            "PATH": binaries + ":" + os.environ["PATH"], "HOME": self.folder, "TMPDIR": self.folder, "LANG": "C.UTF-8",
            "D2_USERNAME": "admin", "D2_PASSWORD": PASSWORD, "XDG_STATE_HOME": self.folder}

    def stop(self, keep=False):
        for server in self.servers:
            server.terminate()
            server.wait()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # MARK: Servers

    def start(self, *options):
        server = subprocess.Popen(
            [self.binaries + "/dhis2-stand-in", *self.country, *options], stdout=subprocess.PIPE, text=True)
        self.servers.append(server)
        return server.stdout.readline().strip()

    def get(self, url, target):
        return json.loads(self.fetch(url, target))

    def fetch(self, url, target, method="GET", body=None):
        request = urllib.request.Request(url + target, method=method, data=body)
        if target.startswith("/api"):
            signed = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
            request.add_header("Authorization", "Basic " + signed)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    def set_faults(self, url, *faults):
        self.fetch(url, "/control/faults", "POST", json.dumps(faults).encode())

    def heal(self):
        """Both servers work again."""
        for url in (self.source, self.destination):
            self.fetch(url, "/control/faults", "DELETE")

    def empty_destination(self):
        self.fetch(self.destination, "/control/values", "DELETE")

    def held(self, url):
        """What a server holds, without stamps, by key."""
        found = {}
        for line in self.fetch(url, "/control/values").splitlines():
            value = json.loads(line)
            if not value.get("deleted"):
                found[key(value)] = value.get("value")
        return found

    # MARK: Values

    @functools.cached_property
    def selection(self):
        """All that the source holds, as d2-pull is asked for it."""
        root = self.get(self.source, "/api/organisationUnits?level=1&fields=id")["organisationUnits"][0]["id"]
        sets = self.get(self.source, "/api/dataSets?fields=id,periodType&paging=false")["dataSets"]
        return (f"--data-set {','.join(found['id'] for found in sets)} --org-unit {root} --children "
                "--start-date 2021-12-01 --end-date 2023-01-31 --include-deleted")

    def learn(self):
        """Reads the source's values before anything is in the way: into `lines`, and the file `values`."""
        text = self.run(f"d2-pull --url {self.source} {self.selection} --quiet").stdout
        self.lines = text.splitlines()
        self.write("values", text.encode())

    # MARK: Commands

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
        return subprocess.CompletedProcess(
            command, shell.returncode, out.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))

    def path(self, name):
        return f"{self.folder}/{name}"

    def read(self, name):
        try:
            with open(self.path(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def remove(self, *names):
        for name in names:
            if os.path.exists(self.path(name)):
                os.remove(self.path(name))

    # MARK: The store

    def empty_store(self):
        """No store at all."""
        if self.store:
            subprocess.run(
                ["psql", "-X", "-q", "-c", f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE", "-c", f"CREATE SCHEMA {SCHEMA}",
                 self.store], check=True, capture_output=True)
            more = "&" if "?" in self.store else "?"
            self.environment["D2_STORE"] = f"{self.store}{more}options=-csearch_path%3D{SCHEMA}"
        else:
            self.remove(*(name for name in os.listdir(self.folder) if name.startswith("store.")))
            self.environment["D2_STORE"] = self.path("store.sqlite")

    def make_pair(self, source=None, destination=None, then="true"):
        """The pair p in a fresh store; `then` runs before its servers get these addresses."""
        self.empty_store()
        made = self.run(
            f"d2-pairs add p --quiet --source-url {self.source} --source-username admin "
            f"--source-password env:D2_PASSWORD --destination-url {self.destination} --destination-username admin "
            f"--destination-password env:D2_PASSWORD > /dev/null && {then} && d2-pairs set p --quiet "
            f"--source-url {source or self.source} --destination-url {destination or self.destination} > /dev/null")
        promise(made.returncode == 0, f"no pair: {made.stderr}")


def key(value):
    default = "HllvX50cXC0"
    return (value["dataElement"], value["period"], value["orgUnit"], value.get("categoryOptionCombo") or default,
            value.get("attributeOptionCombo") or default)
