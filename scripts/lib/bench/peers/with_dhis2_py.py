#!/usr/bin/env python3
"""Moves data values with dhis2.py, as its documentation shows: an answer is one document in memory, and
post_partitioned sends a payload in parts of its default size, a thousand.

  with_dhis2_py.py pull SOURCE QUERY              writes one value a line
  with_dhis2_py.py push DESTINATION FILE          FILE is a data value set
  with_dhis2_py.py move SOURCE QUERY DESTINATION

QUERY is that of /api/dataValueSets. Credentials: D2_USERNAME, D2_PASSWORD.
"""

import os
import urllib.parse

from dhis2 import Api

from peer import run


def server(url):
    return Api(url, os.environ["D2_USERNAME"], os.environ["D2_PASSWORD"])


def pull(source, query):
    return server(source).get("dataValueSets", params=urllib.parse.parse_qsl(query)).json().get("dataValues", [])


def push(destination, values):
    for answer in server(destination).post_partitioned("dataValueSets", json={"dataValues": values}):
        answer.json()


run(pull, push)
