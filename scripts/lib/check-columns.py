#!/usr/bin/env python3
"""Says which lines of code, comments and scripts are longer than 120 columns; with --fix it wraps comments.

usage: check-columns.py [--fix] FILE…

In Swift a line with a text in quotes, or of one, may be longer: what is asserted or typed is worse to read in pieces.
Addresses may be longer everywhere.
"""

import re
import sys

WIDTH = 120
COMMENT = re.compile(r"(\s*(?:///?|#|--) )(\s*)(\S.*)")
# What a comment's line must not begin with to be one with the line before it.
BEGINS_SOMETHING = re.compile(r"([-*|>]|\d+[.)] |```|shellcheck |MARK:|swift-format-)")


def may_be_longer(path, line, is_text):
    if re.search(r"https?://\S{60}", line):
        return True
    is_comment = re.match(r"\s*//", line)
    return path.endswith(".swift") and not is_comment and (is_text or '"' in line)


def numbered(path, lines):
    """The lines with their numbers, and whether they belong to a text of several lines."""
    is_text = False
    for number, line in enumerate(lines):
        yield number, line, is_text
        if line.count('"""') == 1:
            is_text = not is_text


def wrapped(lines):
    """The same lines, with the end of each comment that is too long at the beginning of the next line."""
    result, rest = [], list(lines)
    while rest:
        line = rest.pop(0)
        match = COMMENT.fullmatch(line)
        if len(line) <= WIDTH or not match or BEGINS_SOMETHING.match(match[3]) and match[3][0] != "-":
            result.append(line)
            continue
        mark, indent, text = match.groups()
        at = line.rfind(" ", len(mark + indent) + 1, WIDTH + 1)
        if at < 0:
            result.append(line)
            continue
        # A list's item goes on below its text.
        if text.startswith("- "):
            indent += "  "
        head, tail = line[:at], line[at + 1:]
        following = COMMENT.fullmatch(rest[0]) if rest else None
        if following and following[1] == mark and following[2] == indent and not BEGINS_SOMETHING.match(following[3]):
            rest[0] = f"{mark}{indent}{tail} {following[3]}"
        else:
            rest.insert(0, mark + indent + tail)
        result.append(head)
    return result


def main(arguments):
    fix = arguments[:1] == ["--fix"]
    wrong = 0
    for path in arguments[1:] if fix else arguments:
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        if fix and any(len(line) > WIDTH for line in lines):
            lines = wrapped(lines)
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(lines))
        for number, line, is_text in numbered(path, lines):
            if len(line) > WIDTH and not may_be_longer(path, line, is_text):
                print(f"{path}:{number + 1}: longer than {WIDTH} columns", file=sys.stderr)
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
