"""kill -9 at random moments in each command

Two stand-in servers and a pair. A command is begun, and dies of kill -9 at a moment between its start and a little more
than it usually takes; then the promises are looked into: the store opens and is sound, what one transaction should do
is done wholly or not at all, nothing counts as done that is not, a summary or a file of rejects is the old one or the
new one (or lies beside it as .part), output has only whole lines of what should come but for the last, nothing that a
command made can be read by others, no process is left. Then it is run undisturbed and must come to the right end, as
if nothing had been (scenes.py has what is right for each command).

A table in Markdown goes to stdout.
"""

import random
import statistics
import sys
import time

from promises import Broken, markdown
from scenes import SCENES
from store import Store
from victims import Victims

# How often a command is timed before.
TIMED_RUNS = 5
# A command that breaks so many promises is given up.
MOST_BROKEN = 5


def add_options(parser):
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="kills of each command (default 200)")
    parser.add_argument("--command", default="", metavar="TEXT", help="only those whose title holds a text")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another sequence of moments")


def kill_often(scene, world, store, kills):
    """Kills one command so often. Returns a row of the table, and how many promises were broken."""
    scene.prepare()
    usual = statistics.median(scene.undisturbed() for _ in range(TIMED_RUNS))
    killed = ended = broken = 0
    begun = told = time.monotonic()
    while killed < kills and broken <= MOST_BROKEN:
        try:
            if scene.strike(usual):
                killed += 1
            else:
                ended += 1
            store.check()
            world.look_at_files()
            scene.check()
            if scene.leaves_state or world.draw.random() < 0.1:
                scene.settle()
        except Broken as reason:
            broken += 1
            print(f"kills: BROKEN: {scene.title}, kill {killed}: {reason}", file=sys.stderr, flush=True)
            scene.prepare()
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"kills: {scene.title}: {killed} of {kills}", file=sys.stderr, flush=True)
    print(f"kills: {scene.title}: {killed} kills, {ended} ended before, {broken} promises broken, "
          f"{time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return [f"`{scene.title}`", store.kind, f"{usual * 1000:.0f}", killed, ended, broken or "none"], broken


def run(options, binaries, address):
    world = Victims(binaries, address, random.Random(options.seed))
    rows, broken = [], 0
    try:
        store = Store(world)
        for scene in SCENES:
            if options.command in scene.title:
                row, count = kill_often(scene(world, store), world, store, options.kills)
                rows.append(row)
                broken += count
    finally:
        world.stop()
    print(markdown(["command", "store", ">takes ms", ">kills", ">ended before", ">promises broken"], rows), flush=True)
    return broken == 0
