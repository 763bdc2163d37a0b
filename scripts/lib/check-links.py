#!/usr/bin/env python3
"""Lists broken links of Markdown pages; in pages of a DocC catalogue, also those to symbols.

In pages for developers it also lists types in backticks (`HTTPClient`) that no source declares, and citations in
sources of sections that the page on servers does not have.

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


SERVERS = "docs/dhis2-servers.md"
FOR_DEVELOPERS = {"DESIGN.md", "CONTRIBUTING.md", SERVERS}
# Types that are not ours.
FOREIGN = {
    "FoundationEssentials", "JSONDecoder", "URLComponents", "FileManager", "TaskExecutor", "TimeZone",
    # Of DHIS2.
    "CsrfFilter", "DefaultCompleteDataSetRegistrationExchangeService", "DhisWebApiWebSecurityConfig",
    "HibernateDataExportStore", "HibernateJobConfigurationStore", "InputStreamReader", "JobScheduler",
    "SpringDataValueSetStore"}


def declared_types(*folders):
    """The types that the Swift files below some folders declare, and the names of these files and their folders."""
    declared = set()
    for top in folders:
        for folder, _, files in os.walk(top):
            declared.add(os.path.basename(folder))
            for name in files:
                if name.endswith(".swift"):
                    declared.add(name.removesuffix(".swift"))
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        declared.update(re.findall(r"\b(?:class|struct|enum|actor|protocol) (\w+)", file.read()))
    return declared


def missing_symbols(page, text):
    """The symbols that a catalogue (MODULE/MODULE.docc/PAGE) names and its module does not declare."""
    module = os.path.dirname(os.path.dirname(page))
    return sorted(set(re.findall(r"``(\w+)``", text)) - declared_types(module) - {os.path.basename(module)})


def missing_types(text):
    """The types of two or more words that a page names in backticks and nothing declares."""
    named = {name for name in re.findall(r"`([A-Z][A-Za-z]{4,})`", text) if re.search("[a-z][A-Z]|[A-Z]{2}[a-z]", name)}
    return sorted(named - FOREIGN - declared_types("Sources", "Tests"))


def wrong_citations():
    """The places in sources that cite a section or a trap of the page on servers that is not there."""
    known = heads(SERVERS)
    traps = {head.split("-")[0] for head in known}
    for top in ("Sources", "Tests", "scripts"):
        for folder, _, files in os.walk(top):
            for name in files:
                if not name.endswith((".swift", ".py", ".sh", ".c")):
                    continue
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    # A comment may be wrapped in the middle of a citation.
                    text = re.sub(r"\n\s*(///?|#) ?", " ", file.read())
                for title, numbers in re.findall(SERVERS + r',\s+(?:"([^"]+)"|traps?\s+(\d[\d, and]*))', text):
                    if title and re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") not in known:
                        yield path, title
                    for number in re.findall(r"\d+", numbers):
                        if number not in traps:
                            yield path, "trap " + number


def main(pages):
    wrong = 0
    for page in pages:
        with open(page, encoding="utf-8") as file:
            text = file.read()
        if ".docc/" in page:
            for symbol in missing_symbols(page, text):
                print(f"{page}: {symbol} is no symbol", file=sys.stderr)
                wrong += 1
        for name in missing_types(text) if page in FOR_DEVELOPERS else []:
            print(f"{page}: no source declares {name}", file=sys.stderr)
            wrong += 1
        for path, place in wrong_citations() if page == SERVERS else []:
            print(f"{path}: {SERVERS} has no {place}", file=sys.stderr)
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
