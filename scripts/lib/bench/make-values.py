#!/usr/bin/env python3
"""Writes data values as DHIS2 exports them: FOLDER/values.json, one document, and FOLDER/values.ndjson, one value a
line. The same number gives the same values.

usage: make-values.py NUMBER FOLDER
"""

import random
import sys

COMMENTS = ["checked", "estimated, \\\"by eye\\\"", "late\\nagain", "\u00e0 v\u00e9rifier", "back\\\\slash"]
PEOPLE = ["admin", "nurse.akello", "clerk2", "jos\u00e9"]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def main(number, folder):
    # Only random(), because Python promises never to change its sequence.
    draw = random.Random(20241124).random

    def pick(things):
        return things[int(draw() * len(things))]

    def uid():
        return pick(LETTERS) + "".join(pick(LETTERS + "0123456789") for _ in range(10))

    combos = [uid() for _ in range(12)]
    cells = [f'{{"dataElement":"{uid()}","period":"%s","orgUnit":"%s","categoryOptionCombo":"{pick(combos)}"'
             for _ in range(60)]
    attribute = uid()
    tails = []
    for _ in range(5000):
        time = (f"2024-{1 + int(draw() * 12):02}-{1 + int(draw() * 28):02}T{int(draw() * 24):02}:"
                f"{int(draw() * 60):02}:{int(draw() * 60):02}.000+0000")
        comment = f',"comment":"{pick(COMMENTS)}"' if draw() < 0.05 else ""
        tails.append(
            f'","storedBy":"{pick(PEOPLE)}","created":"{time}","lastUpdated":"{time}"{comment},"followup":false}}')
    middle = f',"attributeOptionCombo":"{attribute}","value":"'

    with open(f"{folder}/values.json", "w", encoding="utf-8") as document, \
            open(f"{folder}/values.ndjson", "w", encoding="utf-8") as lines:
        document.write('{"dataValues":[')
        written, unit, month = 0, 0, 12
        while written < number:
            if month == 12:
                unit, month = uid(), 0
            month += 1
            period = f"2024{month:02}"
            values = [
                cell % (period, unit) + middle + str(int(draw() * 1000)) + tails[int(draw() * 5000)]
                for cell in cells[: number - written]
            ]
            document.write(("," if written else "") + ",".join(values))
            lines.write("\n".join(values) + "\n")
            written += len(values)
        document.write("]}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
