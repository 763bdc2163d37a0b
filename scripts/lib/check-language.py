#!/usr/bin/env python3
"""Finds sentences that are hard to read: too long, or with a word or phrase of the list below.

usage: check-language.py [--figures] FILE…

Reads the prose of Markdown pages, and of Swift files the comments and the texts. CONTRIBUTING.md has the rules.
With --figures it prints for each page how many sentences it has, the average length and the longest.
"""

import re
import sys

# A file whose name ends with one of these holds texts of other people, or shows what not to write.
LEFT_OUT = ("CONTRIBUTING.md",)
LONGEST = 30
AVERAGE = 15

PATTERNS = [
    (r"\bis none\b", "there is no …"),
    (r"\bare none\b", "there are no …"),
    (r"\bwhere (?:there|it|they|that|this) (?:is|are) none\b", "if there is no …"),
    (r"\bas good as none\b", "almost no"),
    (r"\bnot (?:yet )?(?:taken|accepted|delivered) (?:is|are)\b", "name the subject first"),
    (r"\bis gone on with\b", "resume"),
    (r"\bgoes? on with\b", "resume, continue"),
    (r"\bgoing on with\b", "resume, continue"),
    (r"\bby halves\b", "bisect"),
    (r"\btried again\b", "retried"),
    (r"\btr(?:y|ies) (?:it |them |this )?again\b", "retry"),
    (r"\bworks? off\b|\bworks? (?:them|it|slices) off\b|\bworked off\b", "run, move"),
    (r"\btells? how far\b|\bsays? how far\b", "shows the progress"),
    (r"\bbut what\b", "except what"),
    (r"\bso that\b.*\bso that\b", "two sentences"),
    (r"\bwhat is (?:under way|on the way)\b", "the current batch; what is in progress"),
    (r"\bnought\b|\bthereof\b|\btherein\b|\bthereby\b|\bwhereby\b|\bhence\b|\bthus\b", "a usual word"),
    (r"\bfor there\b|\bfor it is\b", "because"),
    (r"\bguilty\b", "invalid, at fault"),
    (r"\bby itself\b|\bof itself\b", "automatically"),
    (r"\bin vain\b", "without result"),
    (r"\b(?:up)?on that\b ground", "therefore"),
    (r"\bbelong(?:s)? to be\b", "must be"),
    (r"\bnot as yet\b", "not yet"),
    (r"\bat one go\b", "at once"),
    (r"\bmay well be\b", "can be"),
]
PATTERNS = [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in PATTERNS]


def plain(text):
    """The words of a text without its markup; code counts as one word."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"``?[^`]*``?", "CODE", text)
    text = re.sub(r"<[^>]*>", " ", text)
    return re.sub(r"[*_]{1,2}", "", text)


def sentences(text):
    """A text cut after its full stops, question marks and exclamation marks."""
    text = re.sub(r"\b(e\.g|i\.e|etc|vs|No)\.", r"\1", plain(text))
    return [part.strip() for part in re.split(r"(?<=[.!?])[)\"”*]*\s+(?=[A-Z0-9(\"“*])", text) if part.strip()]


def words(sentence):
    return [word for word in sentence.split() if re.search(r"[A-Za-z0-9]", word)]


def markdown(lines):
    """(line number, text) of each paragraph, list item and table cell."""
    fence, block, start, blank = None, [], 0, True
    for number, line in enumerate(lines + [""], 1):
        text = line.strip()
        mark = re.match(r"(```+|~~~+)", text)
        indented = blank and line.startswith("    ") and not re.match(r"\s*([-*+]|\d+\.) ", line) and not block
        begins = re.match(r"([-*+]|\d+[.)]) ", text)
        if fence or mark or indented or not text or text[0] in "|#<" or begins:
            if block:
                yield start, " ".join(block)
            block = []
        blank = not text or indented
        if mark:
            fence = None if fence else mark.group(1)
        elif fence or indented or not text or text[0] in "#<":
            continue
        elif text[0] == "|":
            for cell in re.split(r"(?<!\\)\|", text.strip("|")):
                if re.search("[A-Za-z]", cell):
                    yield number, cell.strip()
        else:
            if not block:
                start = number
            block.append(re.sub(r"^([-*+]|\d+[.)]) +", "", text) if begins else text)


def swift(lines):
    """(line number, text) of each comment and of each text with words in it."""
    block, start, literal, isLiteral = [], 0, [], False
    for number, line in enumerate(lines + [""], 1):
        text = line.strip()
        comment = re.match(r"///? ?(.*)", text)
        if comment and not isLiteral and comment.group(1).strip():
            said = comment.group(1).strip()
            if re.match(r"([-*] |\d+\. |MARK:)", said) and block:
                yield start, " ".join(block)
                block = []
            if not block:
                start = number
            if not said.startswith("MARK:"):
                block.append(re.sub(r"^[-*] (?:(?:Parameter \w+|Throws|Returns|Parameters|Note|\w+): ?)?", "", said))
            continue
        if block:
            yield start, " ".join(block)
            block = []
        if text.count('"""') == 1:
            if isLiteral:
                for offset, paragraph in paragraphs(literal):
                    yield first + offset, paragraph
            isLiteral, literal, first = not isLiteral, [], number + 1
        elif isLiteral:
            literal.append(text)
        else:
            for found in re.findall(r'"((?:[^"\\]|\\.)*)"', text):
                if len(found.split()) > 3:
                    yield number, re.sub(r"\\\([^)]*\)", "X", found)


def paragraphs(lines):
    """A multi-line text in paragraphs; what looks like SQL, HTML or commands is left out."""
    block, start = [], 0
    for offset, line in enumerate(lines + [""]):
        if line:
            if not block:
                start = offset
            block.append(line.rstrip("\\").strip())
            if line.endswith("\\"):
                continue
        if block:
            text = re.sub(r"\\\([^)]*\)", "X", " ".join(block))
            if not re.search(r"\b(SELECT|INSERT|UPDATE|CREATE|DELETE|WHERE)\b|[{}<>;$]|^\s*[-#]", text):
                yield start, text
        block = []


def main(arguments):
    shows = arguments[:1] == ["--figures"]
    wrong = 0
    for page in arguments[1:] if shows else arguments:
        if page.endswith(LEFT_OUT):
            continue
        with open(page, encoding="utf-8") as file:
            lines = file.read().split("\n")
        lengths = []
        for number, text in (swift if page.endswith(".swift") else markdown)(lines):
            for sentence in sentences(text):
                count = len(words(sentence))
                if count > 3:
                    lengths.append((count, number))
                faults = [f"\"{found.group(0)}\": {instead}" for pattern, instead in PATTERNS
                          if (found := pattern.search(sentence))]
                if count > LONGEST:
                    faults.append(f"{count} words")
                for fault in faults if not shows else []:
                    print(f"{page}:{number}: {fault}: {sentence[:150]}", file=sys.stderr)
                    wrong += 1
        if not lengths:
            continue
        average = sum(count for count, _ in lengths) / len(lengths)
        if shows:
            long = sum(count > LONGEST for count, _ in lengths)
            over = sum(count > 25 for count, _ in lengths)
            print(f"{len(lengths):5} sentences, average {average:4.1f}, over 25: {over:3}, over 30: {long:3}, "
                  f"longest {max(lengths)[0]:3} (line {max(lengths)[1]}): {page}")
        elif average > AVERAGE and page.endswith(".md") and len(lengths) > 10:
            print(f"{page}: sentences have {average:.1f} words on average (at most {AVERAGE})", file=sys.stderr)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
