#!/usr/bin/env python3
"""Says which commands, verbs and options of d2 in some files do not exist, by the --help of the commands on the PATH.

usage: check-commands.py FILE…

A command line begins with the name of a command and ends at the end of its line, at | ; & or ), or where another
one begins. A "\\" at its end joins a line with the next, and so does an option at the beginning of the next. In prose a
name alone is no command line: a verb or an option must follow. Of Markdown only code is read. Prints how many there
were.
"""

import functools
import re
import shutil
import subprocess
import sys

WITH_VERBS = {"d2-pairs", "d2-orgunits", "d2-datasets", "d2-slices", "d2-map"}
# Scripts hand on what others take.
PASSED_ON = {"d2-sync": ["d2-slices plan"], "d2-backlog": ["d2-slices plan"],
             "d2-continuous": ["d2-sync", "d2-slices plan"]}
NAME = re.compile(r"(?:\S*[=(/])?(d2-[a-z]+)")


@functools.cache
def help_of(command):
    """What a command, or one with a verb, says of itself; nothing if it does not exist."""
    words = command.split()
    program = shutil.which(words[0]) or shutil.which(f"scripts/{words[0].removeprefix('d2-')}")
    if not program:
        return ""
    done = subprocess.run([program, *words[1:], "--help"], capture_output=True, text=True, check=False)
    # A command answers for a verb that it does not have with what it is itself.
    right = done.returncode == 0 and (len(words) == 1 or done.stdout.startswith(f"{command} - "))
    return done.stdout if right else ""


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".md"):
        text = "\n".join(re.findall(r"^ {4,}(.*)$", text, re.M) + re.findall(r"`([^`\n]+)`", text))
    text = re.sub(r"\\\n\s*|\n\s*(?=--\w)", " ", text)
    return [re.sub(r"[\[\]\"',`]", " ", line) for line in text.splitlines()]


def invocations(line):
    """The words of each command line in a line, from the name of the command on."""
    for part in re.split(r"[|;&)]+", line):
        words = part.split()
        starts = [at for at, word in enumerate(words) if NAME.fullmatch(word)]
        for at, end in zip(starts, starts[1:] + [len(words)]):
            yield [NAME.fullmatch(words[at])[1], *words[at + 1:end]]


def problem_of(words):
    """What is wrong with a command line; "" if nothing is, None if it is none."""
    command, rest = words[0], words[1:]
    if not rest:
        return None
    if command in WITH_VERBS and not rest[0].startswith("-"):
        if not help_of(f"{command} {rest[0]}"):
            # Prose, unless options follow.
            return f"{command} has no verb {rest[0]}" if any(word.startswith("--") for word in rest) else None
        command, rest = f"{command} {rest[0]}", rest[1:]
    if not help_of(command):
        return f"there is no command {command}"
    known = "".join(help_of(one) for one in [command, *PASSED_ON.get(command, [])])
    for word in rest:
        option = re.match(r"--?[a-z][a-z-]*", word)
        if option and not re.search(rf"(?<![\w-]){re.escape(option[0])}(?![\w-])", known):
            return f"{command} has no option {option[0]}"
    return ""


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    count = failed = 0
    for path in sys.argv[1:]:
        for line in lines_of(path):
            for words in invocations(line):
                problem = problem_of(words)
                count += problem is not None
                if problem:
                    print(f"{path}: {problem}: {' '.join(words)}")
                    failed += 1
    print(f"{count} command lines")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
