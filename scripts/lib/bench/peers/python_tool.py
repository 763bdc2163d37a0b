#!/usr/bin/env python3
"""Moves values as the Python tool does that d2 replaces: a request for each period and district, sixteen values a post.

  python_tool.py SOURCE DESTINATION DATA_SET DISTRICT,… PERIOD,…

Rewritten after the tool's behaviour. It makes one request at a time, and each one signs in. It reads values one by one
while they arrive, with json-stream if it is installed. It does not send the values after the last sixteen, and does not
check answers. Credentials: D2_USERNAME, D2_PASSWORD.
"""

import base64
import codecs
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

try:
    import json_stream
except ImportError:
    json_stream = None

AUTHORIZATION = "Basic " + base64.b64encode(
    f"{os.environ['D2_USERNAME']}:{os.environ['D2_PASSWORD']}".encode()).decode()
BATCH = 16


def values(answer):
    """Yields one value after the other while the answer arrives."""
    if json_stream:
        for value in json_stream.load(answer)["dataValues"]:
            yield json_stream.to_standard_types(value)
        return
    decoder, text = json.JSONDecoder(), codecs.getreader("utf-8")(answer)
    held = ""
    while '"dataValues":[' not in held:
        more = text.read(4096)
        if not more:
            return
        held += more
    held = held.split('"dataValues":[', 1)[1]
    while True:
        held = held.lstrip(", \n")
        if held.startswith("]"):
            return
        try:
            value, end = decoder.raw_decode(held)
        except json.JSONDecodeError:
            more = text.read(4096)
            if not more:
                return
            held += more
            continue
        held = held[end:]
        yield value


def request(url, body=None):
    headers = {"Authorization": AUTHORIZATION, "Accept": "application/json"}
    if body:
        headers["Content-Type"] = "application/json"
    return urllib.request.urlopen(urllib.request.Request(url, body, headers))


def post(destination, batch):
    try:
        request(destination + "/api/dataValueSets", json.dumps({"dataValues": batch}).encode()).read()
    except urllib.error.HTTPError:
        pass


def main():
    source, destination, data_set, districts, periods = sys.argv[1:]
    for period in periods.split(","):
        for district in districts.split(","):
            query = urllib.parse.urlencode(
                {"dataSet": data_set, "orgUnit": district, "children": "true", "period": period})
            batch = []
            for value in values(request(f"{source}/api/dataValueSets.json?{query}")):
                batch.append(value)
                if len(batch) == BATCH:
                    post(destination, batch)
                    batch = []


main()
