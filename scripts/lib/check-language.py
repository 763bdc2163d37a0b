#!/usr/bin/env python3
"""Finds sentences that are hard to read: too long, or with a word or phrase of the list below.

usage: check-language.py [--figures] FILE…

It reads the prose of Markdown pages, and the comments and texts of Swift files (rules: CONTRIBUTING.md).
Code, addresses and figures do not count.
Text between <!-- language: off --> and <!-- language: on --> is not read (in Swift: // language: off, // language: on).
With --figures it prints for each page how many sentences it has, the average length and the longest.
"""

import re
import sys

LONGEST = 30
AVERAGE = 15

PATTERNS = [
    (r"\bwhere (?:there|it|they|that|this) (?:is|are) (?-i:none)\b", "if there is no …"),
    (r"(?<!there )\b(?:is|are|was|were) (?-i:none)\b(?! of)", "there is no …, is not one"),
    (r"(?<!there )\b(?:is|are|was|were) no (?!one\b|more\b|less\b|\w+er\b|(?:reason|place|way|use|need)\b)\w+",
     "is not a …"),
    (r"\bas good as none\b", "almost no"),
    (r"\bwhat (?:is|was) not (?:yet )?\w+ed (?:is|are)\b", "name the subject first"),
    (r"\bnot (?:yet )?(?:taken|accepted|delivered) (?:is|are)\b", "name the subject first"),
    (r"\b(?:is|are) gone on with\b|\bgo(?:es|ing)? on with\b|\bgo on from\b", "resume, continue"),
    (r"\bby halves\b", "bisect"),
    (r"\btried again\b|\btr(?:y|ies) (?:it|them|this) again\b", "retry"),
    (r"\bwork(?:s|ed)? (?:them |it |slices )?off\b", "run, move"),
    (r"\b(?:tell|say)s? how far\b", "shows the progress"),
    (r"\bbut what\b", "except what"),
    (r"\bso that\b.*\bso that\b", "two sentences"),
    (r"\bwhat is (?:under|on (?:its|the)) way\b", "the current batch; what is in progress"),
    (r"\bnought\b|\bthereof\b|\btherein\b|\bthereby\b|\bwhereby\b|\bhence\b|\bthus\b", "a usual word"),
    (r"\bfor there\b|\bfor it is\b", "because"),
    (r"\bguilty\b", "invalid, at fault"),
    (r"\bby itself\b", "automatically, alone"),
    (r"\bin vain\b", "without result"),
    (r"\b(?:up)?on that ground\b", "therefore"),
    (r"\bbelong(?:s)? to be\b", "must be"),
    (r"\bnot as yet\b", "not yet"),
    (r"\bat one go\b", "at once"),
    (r"\bmay well be\b", "can be"),
    (r"\blooked into\b", "check"),
    (r"\bcome(?:s)? to (?:its|the right|an) end\b", "end, finish"),
    (r"\bas (?:little|few|much|many) as can be\b", "as … as possible"),
    (r"\bunless said otherwise\b", "by default"),
]
PATTERNS = [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in PATTERNS]
# What a sentence may begin with, besides a capital letter: a name that is written small.
SMALL = r"(?:d2|dhis2|libcurl|libdeflate|libpq|zlib|expat|curl|jq|nginx|openssl|systemd|sqlite3|psql|go)(?:[-\w]*)\b"
# A text within quotes, and what shows that a text is no sentence.
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
CODE = re.compile(r"\b(?:SELECT|INSERT|UPDATE|CREATE|DELETE|WHERE|FROM)\b|[{}$]|</|^\s*<|;$|^\s*[-#]")
# A cell of a table that holds figures: mostly digits, or nothing to read.
FIGURES = re.compile(r"^[^a-z]*$|(?:\d\S*.*){3}|^\W*\d\S*(?:\s\S+){0,4}\s*$")
OFF, ON = "<!-- language: off -->", "<!-- language: on -->"
SWIFT_OFF, SWIFT_ON = "// language: off", "// language: on"


def plain(text):
    """The words of a text without its markup; code counts as one word."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"``?[^`]*``?", "CODE", text)
    text = re.sub(r"<[^>]*>", " ", text)
    text = re.sub(r"\b(?:https?|file)://\S+", "URL", text)
    return re.sub(r"[*_]{1,2}", "", text)


def sentences(text):
    """A text cut after its full stops, question marks and exclamation marks."""
    text = re.sub(r"\b(e\.g|i\.e|etc|vs|No)\.", r"\1", plain(text))
    return [part.strip() for part in re.split(rf"(?<=[.!?])[)\"”*]*\s+(?=[A-Z0-9(\"“*]|{SMALL})", text) if part.strip()]


def words(sentence):
    return [word for word in sentence.split() if re.search(r"[A-Za-z0-9]", word)]


def markdown(lines):
    """(line number, text, whether it counts for the average) of each paragraph, list item and table cell."""
    fence, block, start, blank, off = None, [], 0, True, False
    for number, line in enumerate(lines + [""], 1):
        text = line.strip()
        off = text == OFF or (off and text != ON)
        mark = re.match(r"(```+|~~~+)", text)
        item = re.match(r"([-*+]|\d+[.)]) +", text)
        indented = blank and line.startswith("    ") and not item and not block
        if block and (off or mark or not text or text[0] in "|#<" or item):
            yield start, " ".join(block), True
            block = []
        blank = not text or indented
        if mark:
            fence = None if fence else mark.group(1)
        elif off or fence or indented or not text or text[0] in "#<":
            continue
        elif text[0] == "|":
            for cell in re.split(r"(?<!\\)\|", text.strip("|")):
                yield number, cell.strip(), not FIGURES.search(cell)
        else:
            start = start if block else number
            block.append(text[item.end():] if item else text)


def swift(lines):
    """(line number, text, whether it counts for the average) of each comment and of each text with words in it."""
    block, start, literal, is_code, off = [], 0, None, False, False
    for number, line in enumerate(lines + [""], 1):
        text = line.strip()
        off = text == SWIFT_OFF or (off and text != SWIFT_ON)
        if off or text == SWIFT_ON:
            continue
        if literal is not None:
            if text.startswith('"""'):
                yield from ((start + offset, paragraph, True) for offset, paragraph in paragraphs(literal))
                literal = None
            else:
                literal.append(line)
            continue
        comment = re.match(r"///? ?(.*)", text)
        said = comment.group(1).rstrip() if comment else ""
        item = re.match(r" *([-*] (?:\w+: +)?(?:(?:Parameters?|Throws|Returns|Note)\b[^:]*: ?)?|\d+\. )", said)
        is_code = is_code != said.startswith("```") if comment else False
        is_text = said and not is_code and not re.match(r" {4}|```|MARK:|swift-format|TODO", said)
        if block and (item or not is_text):
            yield start, " ".join(block), True
            block = []
        if is_text:
            start = start if block else number
            block.append(said[item.end():] if item else said.strip())
        elif not comment and text.endswith('"""'):
            literal, start = [], number + 1
        elif not comment:
            for found in TEXT.findall(line):
                if len(found.split()) > 3 and not CODE.search(found):
                    yield number, re.sub(r"\\\([^)]*\)", "X", found), False
            trailing = re.search(r" // (.*)", TEXT.sub("", line))
            if trailing:
                yield number, trailing.group(1), True


def paragraphs(lines):
    """A multi-line text in paragraphs, without what is indented and what looks like SQL, HTML or commands."""
    block, start = [], 0
    base = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    for offset, line in enumerate(lines + [""]):
        if line.strip() and line[base:base + 2] != "  ":
            start = start if block else offset
            block.append(line.rstrip("\\").strip())
            if line.endswith("\\"):
                continue
        if block:
            text = re.sub(r"\\\([^)]*\)", "X", " ".join(block))
            if not CODE.search(text):
                yield start, text
        block = []


def faults_of(sentence):
    found = [(pattern.search(sentence), instead) for pattern, instead in PATTERNS]
    faults = [f"\"{match.group(0)}\": {instead}" for match, instead in found if match]
    return faults + [f"{len(words(sentence))} words"] if len(words(sentence)) > LONGEST else faults


def main(arguments):
    shows = arguments[:1] == ["--figures"]
    wrong = 0
    for page in arguments[1:] if shows else arguments:
        with open(page, encoding="utf-8") as file:
            lines = file.read().split("\n")
        lengths = []
        for number, text, counts in (swift if page.endswith(".swift") else markdown)(lines):
            for sentence in sentences(text):
                if counts and len(words(sentence)) > 3:
                    lengths.append((len(words(sentence)), number))
                for fault in faults_of(sentence) if not shows else []:
                    print(f"{page}:{number}: {fault}: {sentence[:150]}", file=sys.stderr)
                    wrong += 1
        if not lengths:
            continue
        average = sum(count for count, _ in lengths) / len(lengths)
        if shows:
            over, long = (sum(count > limit for count, _ in lengths) for limit in (25, LONGEST))
            print(f"{len(lengths):5} sentences, average {average:4.1f}, over 25: {over:3}, over {LONGEST}: {long:3}, "
                  f"longest {max(lengths)[0]:3} (line {max(lengths)[1]}): {page}")
        elif average > AVERAGE and page.endswith(".md") and len(lengths) > 10:
            print(f"{page}: sentences have {average:.1f} words on average (at most {AVERAGE})", file=sys.stderr)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
