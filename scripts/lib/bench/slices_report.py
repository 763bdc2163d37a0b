#!/usr/bin/env python3
"""Turns the results of scripts/bench slices into Markdown.

usage: slices_report.py MEASURED.jsonl
"""

import json
import sys

LIMIT = 1


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    print("\n## Slices that mostly hold nothing\n")
    print("| store | slices | done | values | s | CPU s of d2 | CPU s of servers | requests | sign-ins |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        print(f"| {row['name']} | {row['planned']} | {row['done']} | {row['values']} | {row['wall']:.1f} | "
              f"{row['cpu']:.1f} | {row['server']:.1f} | {row['requests']} | {row['logins']} |")
    print("\n| bar | measured | |\n|---|--:|---|")
    for row in rows:
        print(f"| all slices done, {row['name']} | {row['done']} of {row['planned']} | "
              f"{'met' if row['done'] == row['planned'] else '**missed**'} |")
        own = row["wall"] - row["server"]
        for what, seconds in (("CPU time of d2", row["cpu"]), ("time less the servers' CPU", own)):
            each = 1000 * seconds / row["planned"]
            print(f"| {what} for each slice at most {LIMIT} ms, {row['name']} | {each:.2f} ms | "
                  f"{'met' if each <= LIMIT else '**missed**'} |")


main()
