#!/usr/bin/env python3
"""Turns the results of scripts/bench increments into Markdown.

usage: increments_report.py MEASURED.jsonl
"""

import json
import sys
from statistics import median

SECONDS, REQUESTS, PUSHED = 2, 25, 1100
DATA_SETS = 10


def verdict(is_met):
    return "met" if is_met else "**missed**"


def table(rows):
    print("| | rounds | changed | to d2-push | sent by the source | s, median | s, max | requests, max | sign-ins |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for version, name, title in rows:
        found = rows[version, name, title]
        seconds = [row["seconds"] for row in found]
        print(f"| {title}, {version} | {len(found)} | {sum(row['changed'] for row in found)} | "
              f"{sum(row['pushed'] for row in found)} | {sum(row['sent'] for row in found)} | {median(seconds):.2f} | "
              f"{max(seconds):.2f} | {max(row['requests'] for row in found)} | {max(row['logins'] for row in found)} |")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        measured = [json.loads(line) for line in file]
    titles = {"first": "the first round, which moves all values", "all": "all values changed",
              "busy": "1,000 changes after that, the same day"}
    rows = {}
    for row in measured:
        title = titles.get(row["name"]) or ("nothing new" if row["changed"] == 0 else "changes since the last round")
        rows.setdefault((row["version"], row["name"], title), []).append(row)
    print(f"\n## Increments every ten minutes, {DATA_SETS} data sets\n")
    table(rows)
    print("\n| bar | measured | |\n|---|--:|---|")
    for (version, name, title), found in rows.items():
        if name == "round" and title == "nothing new":
            seconds = median(row["seconds"] for row in found)
            requests = max(row["requests"] for row in found)
            print(f"| a round with nothing new at most {SECONDS} s in the median, {version} | {seconds:.2f} s | "
                  f"{verdict(seconds <= SECONDS)} |")
            print(f"| at most {REQUESTS} requests in a round with nothing new, {version} | {requests} | "
                  f"{verdict(requests <= REQUESTS)} |")
        if name == "busy":
            pushed, reads = found[0]["pushed"], found[0]["reads"]
            print(f"| at most {PUSHED} values to d2-push for 1,000 changes, {version} | {pushed} | "
                  f"{verdict(1000 <= pushed <= PUSHED)} |")
            print(f"| at most one request a data set to read these changes, {version} | {reads} | "
                  f"{verdict(reads <= DATA_SETS)} |")


main()
