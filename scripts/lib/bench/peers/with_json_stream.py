#!/usr/bin/env python3
"""Reads a data value set from a URL with json-stream, value by value, and writes one JSON object a line."""

import json
import sys
import urllib.request

import json_stream

with urllib.request.urlopen(sys.argv[1]) as answer:
    for value in json_stream.load(answer)["dataValues"]:
        sys.stdout.write(json.dumps(json_stream.to_standard_types(value), separators=(",", ":")) + "\n")
