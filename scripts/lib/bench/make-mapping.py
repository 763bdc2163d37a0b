#!/usr/bin/env python3
"""Writes a mapping of all ids of a file of values, as CSV for d2-map and as JSON for jq.

usage: make-mapping.py VALUES.ndjson FOLDER
"""

import json
import re
import sys


def main(path, folder):
    found = {"dataElement": {}, "orgUnit": {}}
    with open(path, encoding="utf-8") as file:
        for line in file:
            for kind, ids in found.items():
                ids[re.search(f'"{kind}":"([^"]*)"', line)[1]] = None
    for ids in found.values():
        for number, id in enumerate(ids):
            ids[id] = f"M{number:010}"
    with open(f"{folder}/mapping.json", "w", encoding="utf-8") as file:
        json.dump(found, file)
    with open(f"{folder}/mapping.csv", "w", encoding="utf-8") as file:
        file.write("kind,from,to\n")
        for kind, ids in found.items():
            for id, to in ids.items():
                file.write(f"{kind},{id},{to}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
