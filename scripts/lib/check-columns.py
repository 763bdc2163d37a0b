#!/usr/bin/env python3
r"""Lists lines of code, comments and scripts that are longer than 120 columns; with --fix it wraps comments.

usage: check-columns.py [--fix] FILE…

In Swift, a line with one long text in quotes may be longer, because a divided message is hard to search for. In a text
of several lines, SQL and HTML may be longer, but not prose ("\" at the end of a line joins it with the next). In tests,
all such lines may be longer, because they hold scripts and answers. Addresses may be longer everywhere.
"""

import re
import sys

WIDTH = 120
COMMENT = re.compile(r"(\s*(?:///?|#|--) )(\s*)(\S.*)")
# What a comment's line must not begin with to be one with the line before it.
BEGINS_SOMETHING = re.compile(r"([-*|>]|\d+[.)] |```|shellcheck |MARK:|swift-format-)")


# A text of fewer columns fits on a line of its own.
LONG_TEXT = 60


def texts_in(line):
    """The lengths of the texts in quotes, each with what is interpolated in it."""
    # The quotes and brackets that are open: '"' in a text, '(' in an interpolation.
    lengths, stack, start, at = [], [], 0, 0
    while at < len(line):
        character = line[at]
        in_text = stack[-1:] == ['"']
        if in_text and line.startswith("\\(", at):
            stack.append("(")
            at += 1
        elif in_text and character == "\\":
            at += 1
        elif in_text and character == '"':
            stack.pop()
            if not stack:
                lengths.append(at - start)
        elif not in_text and character == '"':
            if not stack:
                start = at
            stack.append('"')
        elif not in_text and stack and character in "()":
            stack.append("(") if character == "(" else stack.pop()
        at += 1
    return lengths


# SQL by its keywords and columns, HTML by its tags.
STATEMENT = re.compile(r"<\w|[a-z]_[a-z]|\b(SELECT|INSERT|UPDATE|ORDER BY|CASE|DISTINCT)\b")
# Fewer words are hardly a sentence.
SENTENCE = 8


def is_prose(line):
    """Whether a line of a text is a sentence, which can be broken at any space outside of interpolations."""
    while (shorter := re.sub(r"\\?\([^()]*\)", "", line)) != line:
        line = shorter
    return not STATEMENT.search(line) and len(line.split()) >= SENTENCE


def may_be_longer(path, line, is_text):
    if re.search(r"https?://\S{60}", line):
        return True
    if not path.endswith(".swift") or re.match(r"\s*//", line) and not is_text:
        return False
    if is_text:
        return path.startswith("Tests/") or not is_prose(line)
    # A text of several lines within another one.
    if re.match(r"\s*<\w", line):
        return True
    return any(length >= LONG_TEXT for length in texts_in(line)) or bool(re.search(r'#".{60,}"#', line))


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
