#!/usr/bin/env python3
"""Turns values into CSV and back with Python's own modules, as people usually write it.

usage: convert.py to-csv|from-csv|read-csv FILE
"""

import csv
import json
import sys

KEYS = ("dataElement period orgUnit categoryOptionCombo attributeOptionCombo value storedBy lastUpdated comment "
        "followup deleted").split()


def to_csv(file):
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(key.lower() for key in KEYS)
    for line in file:
        value = json.loads(line)
        cells = [value.get(key) for key in KEYS]
        rows.writerow(str(cell).lower() if isinstance(cell, bool) else cell for cell in cells)


def from_csv(file):
    rows = csv.reader(file, strict=True)
    next(rows)
    for row in rows:
        value = {key: cell for key, cell in zip(KEYS, row) if cell}
        for key in ("followup", "deleted"):
            if key in value:
                value[key] = value[key] == "true"
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def read_csv(file):
    for _ in csv.reader(file, strict=True):
        pass


with open(sys.argv[2], encoding="utf-8", newline="") as opened:
    {"to-csv": to_csv, "from-csv": from_csv, "read-csv": read_csv}[sys.argv[1]](opened)
