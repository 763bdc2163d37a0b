"""What d2 promises, and the word for a promise that it did not keep."""

import time


class Broken(Exception):
    """A promise was not kept."""


def promise(holds, text):
    """Raises Broken unless it holds. The text says what was found instead."""
    if not holds:
        raise Broken(text)


def wait_until(holds, seconds, text, pause=0.05):
    """Waits for a condition, and raises Broken when it does not come in time. Returns what the condition gave."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        promise(time.monotonic() < until, text)
        time.sleep(pause)
    return found


def markdown(heads, rows):
    """A table in Markdown. A head that begins with ">" stands over a column of numbers."""
    lines = ["| " + " | ".join(head.removeprefix(">") for head in heads) + " |"]
    lines.append("|" + "|".join("--:" if head.startswith(">") else "---" for head in heads) + "|")
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])
