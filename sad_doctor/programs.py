"""The programs of an installation of the doctor alone: ``sad-doctor``, and ``sad`` with what of it is there."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from sad_doctor.__main__ import run

_HELP = """Usage: sad doctor RUN      diagnose a run; sad doctor --help for all of it
       sad explain RULE     print the page of a red flag

This is the doctor alone. For verify, train and the rest: pip install student-aware-distillation
"""
_ELSEWHERE = ("verify", "train", "cache", "assets", "env", "pages")
WRONG, STOPPED = 2, 130


def doctor(words: Sequence[str] | None = None, program: str = "sad-doctor") -> int:
    """Run the doctor on command-line words; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that cannot show a character gets a question mark, not a traceback
            stream.reconfigure(errors="replace")
    try:
        return run(sys.argv[1:] if words is None else words, program)
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:
        # the reader of our output went away: nothing is wrong with the run
        sys.stderr.close()
        return 141


def sad(words: Sequence[str] | None = None) -> int:
    """Do what ``sad`` does with ``doctor`` and ``explain``; say of its other commands where they are."""
    command, *rest = (sys.argv[1:] if words is None else words) or ["--help"]
    if command == "doctor":
        return doctor(rest, "sad doctor")
    if command == "explain" and rest:
        return doctor(["--explain", *rest], "sad explain")
    if command in ("-h", "--help"):
        sys.stdout.write(_HELP)
        return 0
    if command == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"sad {version('sad-doctor')}, the doctor alone\n")
        return 0
    problem = "this is the doctor alone" if command in _ELSEWHERE else "no such command"
    sys.stderr.write(f"sad: {command}: {problem}; it has doctor and explain (see: sad --help)\n")
    return WRONG
