"""Runs a driver of a package by the words after its name: pull, push or move."""

import json
import sys


def run(pull, push):
    """pull(ADDRESS…) gives values; push(DESTINATION, values) sends them."""
    action, arguments = sys.argv[1], sys.argv[2:]
    if action == "pull":
        for value in pull(*arguments):
            sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")
    elif action == "push":
        with open(arguments[1], encoding="utf-8") as file:
            push(arguments[0], json.load(file)["dataValues"])
    else:
        push(arguments[-1], pull(*arguments[:-1]))
