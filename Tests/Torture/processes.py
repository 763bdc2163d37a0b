"""The processes of this machine: which belong to a run, and how a run itself ends."""

import contextlib
import os
import signal
import sys


def leave_nothing_behind():
    """Makes SIGTERM an ordinary end, so that each `finally` runs."""
    signal.signal(signal.SIGTERM, _end)


def _end(*_):
    # It comes twice: timeout sends it to the whole group.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


def kill(pid):
    """Whether there was a process to kill."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def with_variable(start):
    """The processes with a variable in their environment that begins so (`NAME=value`): their numbers and names."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/environ", "rb") as file:
                if not any(variable.startswith(start.encode()) for variable in file.read().split(b"\0")):
                    continue
            with open(f"/proc/{number}/comm", encoding="utf-8") as file:
                found.append((int(number), file.read().strip()))
        except OSError:
            continue
    return found


def of_session(session):
    """The numbers of the living processes of a session."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
                rest = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(rest[3]) == session and rest[0] not in "ZX":
            found.append(int(number))
    return found


def megabytes(pid, *names):
    """Figures of memory as the kernel has them: VmRSS, VmHWM."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        status = dict(line.split(":", 1) for line in file)
    return [int(status[name].split()[0]) * 1024 / 1e6 for name in names]
