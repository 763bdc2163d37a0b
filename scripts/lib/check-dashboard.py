#!/usr/bin/env python3
"""Checks the structure of a Grafana dashboard, and prints the expressions of its panels.

usage: check-dashboard.py [--rules] FILE

One expression a line, with its variables replaced as Grafana does it for "all"; --rules prints them as a file of rules
instead, which `promtool check rules` parses. Status 1 if the dashboard lacks what Grafana needs to show each panel.
"""

import json
import re
import sys

# What an expression is asked with: all pairs.
VALUES = {"pair": ".*"}
COLUMNS = 24


def problems_of(board):
    variables = {variable["name"]: variable for variable in board.get("templating", {}).get("list", [])}
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", board.get("uid") or ""):
        yield "the dashboard has no uid of at most 40 letters, digits, - and _"
    if board.get("id") is not None:
        yield "the dashboard has an id: Grafana would take it for one that it has already"
    if not board.get("title") or not isinstance(board.get("schemaVersion"), int):
        yield "the dashboard has no title or no schemaVersion"
    if variables.get("datasource", {}).get("type") != "datasource":
        yield "the dashboard has no variable datasource, by which its reader chooses the Prometheus"
    source = {"type": "prometheus", "uid": "${datasource}"}
    for name, variable in variables.items():
        if variable["type"] == "query" and variable.get("datasource") != source:
            yield f"the variable {name} does not ask ${{datasource}}"
    if not board.get("panels"):
        yield "the dashboard has no panels"
    seen, places = set(), []
    for panel in board.get("panels", []):
        name = panel.get("title") or f"panel {panel.get('id')}"
        if not panel.get("title") or not panel.get("description"):
            yield f"{name}: no title or no description"
        if not isinstance(panel.get("id"), int) or panel["id"] in seen:
            yield f"{name}: no id of its own"
        seen.add(panel.get("id"))
        if panel.get("type") not in ("stat", "timeseries", "table"):
            yield f"{name}: {panel.get('type')} is no type of panel that this check knows"
        place = panel.get("gridPos", {})
        if not all(isinstance(place.get(side), int) for side in "xywh") or place["x"] + place["w"] > COLUMNS:
            yield f"{name}: its place is not within the {COLUMNS} columns of the grid"
        else:
            for other, at in places:
                if all(place[a] < at[a] + at[b] and at[a] < place[a] + place[b] for a, b in ("xw", "yh")):
                    yield f"{name}: lies upon {other}"
            places.append((name, place))
        if panel.get("datasource") != source:
            yield f"{name}: does not ask ${{datasource}}"
        targets = panel.get("targets") or []
        if not targets:
            yield f"{name}: asks nothing"
        letters = [target.get("refId") for target in targets]
        if None in letters or len(set(letters)) < len(letters):
            yield f"{name}: its questions do not have each a refId of its own"
        for target in targets:
            expression = target.get("expr") or ""
            if not expression.strip() or target.get("datasource") != source:
                yield f"{name}: a question without an expression, or not for ${{datasource}}"
            for used in re.findall(r"\$\{?(\w+)", expression):
                if used not in variables or used not in VALUES:
                    yield f"{name}: ${used} is no variable"


def expressions_of(board):
    for panel in board.get("panels", []):
        for target in panel.get("targets", []):
            yield re.sub(r"\$\{?(\w+)\}?", lambda match: VALUES.get(match[1], match[0]), target.get("expr", ""))


def main():
    arguments = sys.argv[1:]
    rules = arguments[:1] == ["--rules"]
    if len(arguments) != 1 + rules or arguments[0] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    with open(arguments[-1], encoding="utf-8") as file:
        board = json.load(file)
    problems = list(problems_of(board))
    for problem in problems:
        print(f"{arguments[-1]}: {problem}", file=sys.stderr)
    expressions = list(expressions_of(board))
    if rules:
        named = [{"record": f"expression:{at}", "expr": text} for at, text in enumerate(expressions)]
        print(json.dumps({"groups": [{"name": "dashboard", "rules": named}]}))
    else:
        print("\n".join(expressions))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
