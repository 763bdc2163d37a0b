#!/usr/bin/env python3
"""Says which links of Markdown pages lead nowhere; in pages of a DocC catalogue those to symbols too.

usage: check-links.py PAGE…
"""

import os
import re
import sys


def heads(path):
    """The anchors of a page's headings, as they are made of their texts."""
    with open(path, encoding="utf-8") as file:
        found = re.findall(r"^#+ (.+)$", file.read(), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in found}


def missing_symbols(page, text):
    """The symbols that a catalogue (MODULE/MODULE.docc/PAGE) names and its module does not declare."""
    module = os.path.dirname(os.path.dirname(page))
    declared = {os.path.basename(module)}
    for folder, _, files in os.walk(module):
        for name in files:
            if name.endswith(".swift"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    declared.update(re.findall(r"\b(?:class|struct|enum|actor|protocol) (\w+)", file.read()))
    return sorted(set(re.findall(r"``(\w+)``", text)) - declared)


def main(pages):
    wrong = 0
    for page in pages:
        with open(page, encoding="utf-8") as file:
            text = file.read()
        if ".docc/" in page:
            for symbol in missing_symbols(page, text):
                print(f"{page}: {symbol} is no symbol", file=sys.stderr)
                wrong += 1
        # Code is no text.
        text = re.sub(r"^    .*$|`[^`]*`", "", text, flags=re.M)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(path):
                print(f"{page}: {target} is not there", file=sys.stderr)
                wrong += 1
            elif anchor and anchor not in heads(path):
                print(f"{page}: {target}: no such heading", file=sys.stderr)
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
