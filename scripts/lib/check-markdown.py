#!/usr/bin/env python3
"""Lists lines of prose in Markdown pages that are longer than 120 columns; with --fix it wraps them.

usage: check-markdown.py [--fix] PAGE…

Tables, code, headings, HTML, and text that cannot be broken (a link's address, `code`) may be longer.
"""

import re
import sys

WIDTH = 120
ITEM = re.compile(r"( *)([-*+]|\d+[.)])( +)")
# A line that begins with one of these would no longer be part of the paragraph.
BLOCK_START = re.compile(r"([-+*>#=|<~]|\d+[.)]|```)")
# What stays on one line: code between backticks, a link's address, a word.
PIECE = re.compile(r"(?:`[^`]*`|[^\s`])+")


def pieces(text):
    """The parts of a paragraph that a line break may stand between."""
    found = []
    for piece in PIECE.findall(text):
        if found and BLOCK_START.match(piece):
            found[-1] += " " + piece
        else:
            found.append(piece)
    return found


def wrapped(lines):
    """The lines of one paragraph, the first of which may begin a list item."""
    item = ITEM.match(lines[0])
    first = item.group(0) if item else re.match(r" *", lines[0]).group(0)
    rest = " " * len(first)
    text = " ".join([lines[0][len(first):]] + [line.strip() for line in lines[1:]])
    result = [first]
    for piece in pieces(text):
        if result[-1] in (first, rest):
            result[-1] += piece
        elif len(result[-1]) + 1 + len(piece) <= WIDTH:
            result[-1] += " " + piece
        else:
            result.append(rest + piece)
    return result


def paragraphs(lines):
    """The page in parts: (True, lines of a paragraph or list item) or (False, lines that stay as they are)."""
    fence = None
    content = 0  # the column where the text of the list item begins that we are in
    open_lines = []
    after_blank = True
    for line in lines:
        text = line.strip()
        indent = len(line) - len(line.lstrip(" "))
        mark = re.match(r"(```+|~~~+)", text)
        if text and indent < content and not ITEM.match(line) and after_blank:
            content = 0
        is_code = after_blank and indent >= content + 4 and not (content and ITEM.match(line))
        stays = fence or mark or not text or is_code or re.match(r"[|#<]", text) or re.fullmatch(r"[-=*_ ]{3,}", text)
        if stays:
            if open_lines:
                yield True, open_lines
                open_lines = []
            if mark and (fence is None or text.startswith(fence)):
                fence = mark.group(1) if fence is None else None
            yield False, [line]
            after_blank = not text or (is_code and after_blank)
            continue
        item = ITEM.match(line)
        if item:
            content = len(item.group(0))
        if open_lines and (item or open_lines[-1].endswith(("  ", "\\"))):
            yield True, open_lines
            open_lines = []
        open_lines.append(line)
        after_blank = False
    if open_lines:
        yield True, open_lines


def main(arguments):
    fix = arguments[:1] == ["--fix"]
    wrong = 0
    for page in arguments[1:] if fix else arguments:
        with open(page, encoding="utf-8") as file:
            before = file.read().split("\n")
        after = []
        for is_prose, part in paragraphs(before):
            result = wrapped(part) if is_prose and any(len(line) > WIDTH for line in part) else part
            if result != part and not fix:
                number = next(n for n, line in enumerate(part) if len(line) > WIDTH) + len(after) + 1
                print(f"{page}:{number}: longer than {WIDTH} columns (scripts/lint --fix wraps it)", file=sys.stderr)
                wrong += 1
                result = part
            after += result
        if fix and after != before:
            with open(page, "w", encoding="utf-8") as file:
                file.write("\n".join(after))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
