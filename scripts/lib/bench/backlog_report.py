#!/usr/bin/env python3
"""Turns the results of scripts/bench backlog into Markdown, and its curves into plots.

usage: backlog_report.py MEASURED.jsonl ROUND_TRIP RATE [PLOT_FOLDER]
"""

import json
import os
import sys

# The measured costs of servers (docs/dhis2-servers.md, "What it costs"): seconds to sign in, seconds to the first byte
# of a country's values, values a second out, values a second in by batch size, and the gain of a second connection.
COSTS = {
    "2.42": (0.111, 0.1, 55_000, {1000: 1200, 5000: 3290, 20_000: 6520, 50_000: 6850},
             {1000: 2.0, 5000: 1.3, 50_000: 1.1}),
    "2.43": (0.106, 0.9, 29_000, {500: 1600, 1000: 1800, 2000: 1620, 5000: 1400}, {1000: 0.6, 5000: 1.1}),
}
D2, SCRIPT, PYTHON = "d2-pull \\| d2-push", "script: curl \\| jq \\| split \\| curl", "Python, 16 values a request"
# Through the ledger with all its defaults, which means one job.
SLICES = "d2-slices, 120 slices, all defaults"
SLICES_TIMES = {"2.42": 1.3, "2.43": 1.1}
MOST_SIGN_INS = 2 * 1 + 4


def bound(version, values, bytes_down, round_trip, rate):
    """The least time with one request at a time at each end, if each answer comes before the next request.

    It is the time of the source's connection (a round trip for TCP, one for TLS 1.3 and one for the request itself),
    sign-in and first byte, and then that of the slower of export and import at the best batch size. The destination can
    be connected by then, so its handshakes do not count.
    """
    login, first_byte, out, rates, _ = COSTS[version]
    begin = 3 * round_trip + login + first_byte
    imports = min(-(-values // size) * round_trip + values / rate for size, rate in rates.items())
    return begin + max(values / out, bytes_down / rate, imports)


def table(version, rows, round_trip, rate):
    d2 = rows[D2]
    values = d2["expected"]
    least = bound(version, values, d2["bytes"], round_trip, rate)
    link = f"{1000 * round_trip:.0f} ms and {rate / 1e6:g} MB/s"
    print(f"\n## The backlog, DHIS2 {version}: {values} values over {link}, TLS\n")
    print("| | s | × d2 | requests | sign-ins | connections | MB on the wire | values delivered | lost |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name, row in rows.items():
        title = f"`{name}`" if "|" in name and ":" not in name else name
        print(f"| {title} | {row['seconds']:.1f} | {row['seconds'] / d2['seconds']:.1f} | {row['requests']} | "
              f"{row['logins']} | {row['connections']} | {row['bytes'] / 1e6:.1f} | {row['arrived']} | "
              f"{values - row['arrived']} |")
    notes(rows)
    print(f"\nThe bound of link and servers, with one request at a time at each end, is {least:.1f} s.\n")
    print("| bar | measured | |\n|---|--:|---|")
    bar(f"d2 at most 1.3 times the bound, {version}", d2["seconds"] / least, d2["seconds"] <= 1.3 * least)
    lossless = [row for name, row in rows.items() if name.startswith("d2-")]
    lost = sum(values - row["arrived"] for row in lossless)
    bar(f"no value lost by d2, {version}", lost, lost == 0, form="d")
    if SLICES in rows:
        row, times = rows[SLICES], SLICES_TIMES[version]
        bar(f"d2-slices run with all defaults at most {times} times the bound, {version}", row["seconds"] / least,
            row["seconds"] <= times * least)
        bar(f"sign-ins of that run at most 2 × jobs + 4, {version}", row["logins"], row["logins"] <= MOST_SIGN_INS,
            form="d")
    for name, times in ((SCRIPT, 5), (PYTHON, 50)):
        if name in rows:
            ratio = rows[name]["seconds"] / d2["seconds"]
            bar(f"at least {times} times faster than: {name}", ratio, ratio >= times,
                f" (the bound is {rows[name]['seconds'] / least:.1f} × faster)")


def notes(rows):
    """What the table does not show: which command failed, and the time before `run`, which the seconds leave out."""
    before = [f"- {name}: {row['before']:.1f} s" for name, row in rows.items() if row["before"] > 0.1]
    if before:
        print("\nThe seconds of `d2-slices` are those of `run`. The requests, sign-ins and bytes include the steps "
              "before it, which add the pair, fetch the metadata and plan. These steps took:\n\n" + "\n".join(before))
    days = sorted({row["day"] for row in rows.values() if "day" in row})
    if days:
        print(f"\nThe rows of other tools were measured on this machine on {days[-1]}. They do not depend on d2.")
    for name, row in rows.items():
        if row["failure"]:
            print(f"\n{name} failed: {row['failure'].strip()}")


def bar(claim, figure, met, more="", form=".2f"):
    print(f"| {claim} | {figure:{form}} | {'met' if met else '**missed**'}{'' if met else more} |")


def plot(title, series, path):
    """Seconds over the setting; one line a version. The horizontal axis has the settings at equal distances."""
    width, height, left, bottom, top = 640, 300, 56, 44, 36
    settings = sorted({x for points in series.values() for x, _ in points})
    most = max(y for points in series.values() for _, y in points) * 1.1

    def across(x):
        return left + (width - left - 90) * settings.index(x) / max(1, len(settings) - 1)

    def up(y):
        return height - bottom - (height - bottom - top) * y / most

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
             'font-size="12">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>',
             f'<text x="{left}" y="20" font-size="14">{title}</text>']
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if most / s <= 6)
    for tick in range(0, int(most) + 1, step):
        parts.append(f'<line x1="{left}" x2="{width - 80}" y1="{up(tick):.1f}" y2="{up(tick):.1f}" stroke="#ddd"/>'
                     f'<text x="{left - 8}" y="{up(tick) + 4:.1f}" text-anchor="end">{tick} s</text>')
    for x in settings:
        parts.append(f'<text x="{across(x):.1f}" y="{height - bottom + 18}" text-anchor="middle">{x}</text>')
    for (name, points), color in zip(series.items(), ("#1a6faf", "#c4501b")):
        points = sorted(points)
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="'
                     + " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points) + '"/>')
        parts += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{color}"/>' for x, y in points]
        last_x, last_y = points[-1]
        parts.append(f'<text x="{across(last_x) + 8:.1f}" y="{up(last_y) + 4:.1f}" fill="{color}">DHIS2 {name}</text>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n</svg>\n")


def main():
    measured, round_trip, rate = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    folder = sys.argv[4] if len(sys.argv) > 4 else None
    tables, curves = {}, {}
    with open(measured, encoding="utf-8") as file:
        for row in map(json.loads, file):
            curve, _, setting = row["name"].partition("/")
            if setting:
                curves.setdefault(curve, {}).setdefault(row["version"], []).append((int(setting), row["seconds"]))
            else:
                tables.setdefault(row["version"], {})[row["name"]] = row
    for version, rows in tables.items():
        table(version, rows, round_trip, rate)
    for curve, series in curves.items():
        print(f"\n| {curve} | " + " | ".join(f"DHIS2 {version}, s" for version in series) + " |")
        print("|--:|" + "--:|" * len(series))
        for setting in sorted({x for points in series.values() for x, _ in points}):
            seconds = [dict(points).get(setting, float("nan")) for points in series.values()]
            print(f"| {setting} | " + " | ".join(f"{figure:.1f}" for figure in seconds) + " |")
        if folder:
            os.makedirs(folder, exist_ok=True)
            name = curve.replace(" ", "-") + ".svg"
            plot(f"The backlog by {curve}", series, os.path.join(folder, name))
            print(f"\n![The backlog by {curve}]({folder}/{name})")


main()
