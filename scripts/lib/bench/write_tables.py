#!/usr/bin/env python3
"""Writes the results of scripts/bench all into a page, or to stdout: one table with the bars, then the parts.

usage: write_tables.py FOLDER [PAGE]

If FOLDER has NAME.md, it replaces everything in the page between <!-- measured: NAME --> and <!-- end of NAME -->. The
block "bars" is made from all of them.
"""

import os
import re
import sys
import textwrap

# The parts in the order of the page, and the command that measures each part.
PARTS = {
    "streams": "pull push startup diff map convert peers", "backlog": "backlog", "slices": "slices",
    "increments": "increments", "push-size": "push-size", "concurrency": "push-concurrency", "read-ahead": "read-ahead",
    "analytics": "analytics", "size": "size", "profile": "profile", "ledger": "ledger"}
BAR = re.compile(r"^\| bar \| measured \|")
SENTENCE = re.compile(r"^Default (at least .*): (.*), (met|\*\*missed\*\*)\.$")


def divide(text):
    """The bars in the output of a part, as (claim, measured, verdict), and its lines without them."""
    bars, kept, title, in_bars = [], [], "", False
    for line in text.splitlines():
        if line.startswith("## "):
            title = line[3:].split(" (")[0]
        sentence = SENTENCE.match(line)
        if BAR.match(line):
            in_bars = True
        elif in_bars and line.startswith("|"):
            if not line.startswith("|--"):
                bars.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:4]])
        elif sentence:
            bars.append([f"{title}: {sentence[1]}", sentence[2], sentence[3]])
        elif line != "## Bars":
            in_bars = False
            kept.append(line)
        else:
            in_bars = False
    return bars, "\n".join(kept)


def wrapped(text):
    """The text with prose in at most 120 columns, one empty line between paragraphs, and headings one level deeper."""
    lines = []
    for line in text.splitlines():
        # The page has its own headings above.
        if line.startswith("## "):
            line = "#" + line
        is_prose = len(line) > 120 and not line.startswith(("|", "#", "!", "<"))
        lines += textwrap.wrap(line, 120, break_long_words=False, break_on_hyphens=False) if is_prose else [line]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def main():
    folder, page = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    blocks, all_bars = {}, ["| bar | measured | | `scripts/bench` |", "|---|--:|---|---|"]
    for name in ["machine", *PARTS]:
        path = os.path.join(folder, name + ".md")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            bars, text = divide(file.read())
        blocks[name] = wrapped(text)
        for claim, measured, verdict in bars:
            words = PARTS[name] if len(PARTS[name].split()) == 1 else word_for(claim)
            all_bars.append(f"| {claim} | {measured} | {verdict} | `{words}` |")
    blocks["bars"] = "\n".join(all_bars)
    if not page:
        print("\n\n".join(blocks[name] for name in ("machine", "bars", *PARTS) if name in blocks))
        return
    with open(page, encoding="utf-8") as file:
        text = file.read()
    for name, block in blocks.items():
        begin, end = f"<!-- measured: {name} -->", f"<!-- end of {name} -->"
        if begin not in text or end not in text:
            print(f"write_tables: {page} has no place for {name}", file=sys.stderr)
            continue
        before, rest = text.split(begin, 1)
        text = f"{before}{begin}\n\n{block}\n\n{end}{rest.split(end, 1)[1]}"
    with open(page, "w", encoding="utf-8") as file:
        file.write(text)


def word_for(claim):
    """The part of the streams that a bar is about."""
    if "json-stream" in claim:
        return "peers"
    if "starts" in claim:
        return "startup"
    if "CSV" in claim:
        return "convert"
    return next((word for word in ("convert", "pull", "push", "diff", "map") if word in claim), "pull")


main()
