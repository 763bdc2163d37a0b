#!/usr/bin/env python3
"""Turns the results of scripts/bench into Markdown: a table for each comparison, then the bars that d2 should keep.

usage: report.py MEASURED.tsv   (table, name, round, microseconds, CPU seconds, peak kB)
"""

import sys
from statistics import median

# The claims, as (claim, a, b, limit): the time of a is at most the limit times that of b.
RATIO_BARS = [
    ("pull at most 1.2 times curl", "d2-pull --compression none", "curl", 1.2),
    ("pull at least 20 times faster than jq", "d2-pull --compression none", "curl | jq -c '.dataValues[]'", 1 / 20),
    ("pull at least 40 times faster than json-stream", "pull: d2-pull", "pull: json-stream", 1 / 40),
    ("gzip pull at most 0.4 times curl \\| gzip -dc", "d2-pull", "curl | gzip -dc", 0.4),
    ("push at most 2.5 times curl -T", "d2-push --compression none", "curl -T", 2.5),
    ("gzip push at most 0.4 times gzip -1 \\| curl", "d2-push", "gzip -1 | curl -T -", 0.4),
    ("diff at least 10 times faster than comm of two jq \\| sort", "d2-diff", "comm of two jq | sort", 1 / 10),
    ("map at least 10 times faster than jq", "d2-map", "jq -c with the same table", 1 / 10),
    ("to CSV at least 20 times faster than jq's @csv", "d2-convert --to csv", "jq -r … @csv", 1 / 20),
    ("to CSV at least 5 times faster than Python", "d2-convert --to csv", "Python: json and csv", 1 / 5),
    ("from CSV at least 5 times faster than Python", "d2-convert file.csv", "Python: csv and json", 1 / 5),
    ("d2-pull starts within 4 times curl", "d2-pull --version", "curl --version", 4),
    ("d2-push starts within 4 times curl", "d2-push --version", "curl --version", 4),
]
# The largest process holds at most so many MB.
MEMORY_BARS = [
    ("pull in at most 40 MB", ["d2-pull", "d2-pull --compression none"], 40),
    ("pull of a tenth in at most 40 MB", ["d2-pull, a tenth", "d2-pull --compression none, a tenth"], 40),
    ("convert in at most 40 MB", ["d2-convert --to csv", "d2-convert file.csv", "d2-convert file.json"], 40),
    ("push with 4 requests at a time in at most 100 MB",
     ["d2-push --concurrency 4", "d2-push --compression none --concurrency 4"], 100),
]


def read(path):
    """{table: {name: {round: (seconds, MB, CPU seconds)}}}, in the order of measurement."""
    tables = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            table, name, turn, microseconds, cpu, kilobytes = line.rstrip("\n").split("\t")
            runs = tables.setdefault(table, {}).setdefault(name, {})
            runs[int(turn)] = (int(microseconds) / 1e6, int(kilobytes) * 1024 / 1e6, float(cpu))
    return tables


def ratio(runs, base):
    """The median over the rounds that both ran, because runs close in time share the noise of the machine."""
    return median(runs[turn][0] / base[turn][0] for turn in runs if turn in base)


def figure(number):
    return f"{number:.2f}" if number < 10 else f"{number:.0f}"


def write_table(title, rows):
    base_name, base = next(iter(rows.items()))
    print(f"\n## {title}\n")
    print(f"| command | × {base_name} | median s | min s | CPU s | peak MB | runs |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, runs in rows.items():
        seconds = [run[0] for run in runs.values()]
        cpu = median(run[2] for run in runs.values())
        peak = max(run[1] for run in runs.values())
        print(f"| `{name}` | {figure(ratio(runs, base))} | {median(seconds):.3f} | {min(seconds):.3f} | {cpu:.2f} | "
              f"{peak:.0f} | {len(runs)} |")


def write_bars(rows):
    print("\n## Bars\n\n| bar | measured | |\n|---|--:|---|")
    for claim, name, base, limit in RATIO_BARS:
        if name not in rows:
            continue
        if base not in rows:
            print(f"| {claim} | | not measured |")
            continue
        # "At least 20 times faster": the ratio is inverted.
        is_faster = "faster" in claim
        value = ratio(rows[name], rows[base])
        print(f"| {claim} | {figure(1 / value if is_faster else value)} × | {verdict(value <= limit)} |")
    for claim, names, limit in MEMORY_BARS:
        present = [name for name in names if name in rows]
        if present:
            peak = max(run[1] for name in present for run in rows[name].values())
            print(f"| {claim} | {peak:.0f} MB | {verdict(peak <= limit)} |")


def verdict(is_met):
    return "met" if is_met else "**missed**"


def main():
    tables = read(sys.argv[1])
    for title, rows in tables.items():
        write_table(title, rows)
    write_bars({name.replace("\\|", "|"): runs for rows in tables.values() for name, runs in rows.items()})


if __name__ == "__main__":
    main()
