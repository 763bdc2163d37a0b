#!/usr/bin/env python3
"""Moves data values with openhexa.toolbox, which divides a request by years, and posts fifty values at a time.

  with_openhexa.py pull SOURCE DATA_SET ORG_UNIT FROM TO              writes one value a line
  with_openhexa.py push DESTINATION FILE                              FILE is a data value set
  with_openhexa.py move SOURCE DATA_SET ORG_UNIT FROM TO DESTINATION

By default it makes a dry run (dry_run) and only creates values. Its validation refuses numbers that are texts, as DHIS2
exports them. This script changes these three settings. Credentials: D2_USERNAME, D2_PASSWORD.
"""

import os
import sys

from openhexa.toolbox.dhis2 import DHIS2

from peer import run


def values_of(url):
    client = DHIS2(url=url, username=os.environ["D2_USERNAME"], password=os.environ["D2_PASSWORD"])
    return client.data_value_sets


def pull(source, data_set, unit, start, end):
    return values_of(source).get(
        datasets=[data_set], org_units=[unit], children=True, start_date=start, end_date=end)


def push(destination, values):
    print(values_of(destination).post(
        values, import_strategy="CREATE_AND_UPDATE", dry_run=False, skip_validation=True), file=sys.stderr)


run(pull, push)
