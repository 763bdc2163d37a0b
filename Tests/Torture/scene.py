"""A command that is killed again and again, and what must hold then."""

import json

from promises import promise
from world import SYNC

SPAN = ["--from", "2021-12-01", "--to", "2023-01-31"]
# What a file holds before a command takes its place.
OLD = b"old\n"


class Scene:
    """A command that is killed again and again."""

    title = ""
    # Run once, before anything is killed.
    ready = SYNC
    # Whether what a kill leaves could change the next run: then each kill is followed by an undisturbed one, else every
    # tenth.
    leaves_state = True

    def __init__(self, world, store):
        self.world, self.store = world, store

    def prepare(self):
        """A pair in a fresh store, and what an undisturbed run leaves."""
        self.store.forget()
        self.world.empty_destination()
        self.world.make_pair(then=self.ready)
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
