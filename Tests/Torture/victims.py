"""How a command dies, and what may be left of it."""

import os
import signal
import subprocess
import time

import processes
from promises import Broken, promise, wait_until
from world import World

# How much later than its usual end the last kill of a command comes.
LATEST = 1.1
# A request takes a moment, as it does in life: else there would be none in which to die.
LATENCY = {"kind": "latency", "seconds": 0.008, "times": 0, "path": "/api"}


class Victims(World):
    """The two servers, and commands that are killed between them."""

    def __init__(self, binaries, address, draw):
        super().__init__(binaries, address)
        self.draw = draw
        self.temporary = self.path("tmp")
        os.mkdir(self.temporary)
        self.environment["TMPDIR"] = self.temporary
        self.learn()
        for url in (self.source, self.destination):
            self.set_faults(url, LATENCY)

    def begin(self, arguments, source, target, more):
        with open(source, "rb") as read, open(target, "wb") as write, open(self.path("stderr"), "wb") as errors:
            return subprocess.Popen(
                arguments, cwd=self.folder, env={**self.environment, **more},
                stdin=read, stdout=write, stderr=errors, start_new_session=True)

    def strike(self, arguments, usual, source="/dev/null", target="/dev/null", **more):
        """Begins a command and kills it, or not where it is done before. Returns whether it was killed."""
        delay = self.draw.uniform(0, usual * LATEST)
        process = self.begin(arguments, source, target, more)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            processes.kill(process.pid)
            process.wait()
        # What a command began dies with it.
        wait_until(lambda: not processes.of_session(process.pid), 10, "processes are left", 0.005)
        return process.returncode == -signal.SIGKILL

    def undisturbed(self, arguments, source="/dev/null", target="/dev/null", **more):
        """Runs a command to its end. Returns its status and how long it took."""
        begun = time.monotonic()
        process = self.begin(arguments, source, target, more)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Broken(f"{arguments[0]} hangs after a kill") from None
        return process.returncode, time.monotonic() - begun

    def errors(self):
        return self.read("stderr").decode("utf-8", "replace")[:3000]

    def look_at_files(self):
        """Nothing that may hold a secret or data can be read by others; a temporary file has no name."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = f"{folder}/{name}"
                private = folder.startswith(self.temporary) or name.startswith(("store.", "rejects"))
                if private and os.stat(path).st_mode & 0o077 and not os.stat(folder).st_mode & 0o077 == 0:
                    raise Broken(f"others can read {path}")
        loose = [name for name in os.listdir(self.temporary) if os.path.isfile(f"{self.temporary}/{name}")]
        promise(not loose, f"temporary files are left: {loose}")
