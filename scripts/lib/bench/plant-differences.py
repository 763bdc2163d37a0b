#!/usr/bin/env python3
"""Makes the two sides of a comparison: shuffled, with EACH values missing, different and extra at the destination.

usage: plant-differences.py VALUES.ndjson EACH FOLDER
Writes FOLDER/source.ndjson, destination.ndjson, and expected.ndjson, the lines of the source that a comparison must
find.
"""

import random
import sys


def main(path, each, folder):
    draw = random.Random(7)
    with open(path, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    chosen = draw.sample(range(len(lines)), 3 * each)
    missing, different, extra = set(chosen[:each]), set(chosen[each:2 * each]), set(chosen[2 * each:])
    order = list(range(len(lines)))
    draw.shuffle(order)
    with open(f"{folder}/source.ndjson", "wb") as source, open(f"{folder}/expected.ndjson", "wb") as expected:
        for place in order:
            if place in extra:
                continue
            source.write(lines[place])
            if place in missing or place in different:
                expected.write(lines[place])
    draw.shuffle(order)
    with open(f"{folder}/destination.ndjson", "wb") as destination:
        for place in order:
            if place in missing:
                continue
            line = lines[place]
            destination.write(line.replace(b'"value":"', b'"value":"9', 1) if place in different else line)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
