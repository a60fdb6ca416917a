"""What logging, schedulers and launchers put before each line: a time, a level, the name of a logger, a rank."""

from __future__ import annotations

import re

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_TIME = (
    rf"(?:\d{{4}}[-/]\d\d[-/]\d\d(?:[T ]{_CLOCK})?(?:Z| ?[+-]\d\d:?\d\d)?"
    rf"|\d\d[-/]\d\d(?:[-/](?:\d{{4}}|\d\d))?[ T]{_CLOCK}|{_CLOCK})"
)
_LEVEL = r"(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)"
# `[Warning] ...` is a line of its own meaning, so a warning's level in brackets stays
_BRACKETED = r"\[(?:DEBUG|INFO|ERROR|CRITICAL|FATAL)\]"
_BAR = r" {0,9}(?: - | \| | : )"
_LOGGER = rf"(?:[A-Za-z_][\w.:]{{0,80}}{_BAR})?"
_PREFIX = re.compile(
    rf"\[{_TIME} {_LEVEL}\] |\[ ?{_LEVEL} ?: {_TIME} ?\](?: - | )"
    rf"|\[?{_TIME}\]?(?:(?:\[[\w.]{{1,80}}\]){{0,2}}\[{_LEVEL}\](?: - | )"
    rf"|(?:{_BAR}| ){_LOGGER}(?:{_LEVEL}\b|{_BRACKETED})(?:{_BAR}{_LOGGER}|: | )|{_BAR}|: | )"
    rf"|{_LEVEL}:[\w.]{{0,80}}:"
    rf"|\[{_LEVEL}\|[\w./]{{1,80}}:\d+\] {_TIME} >> "
    rf"|[IWEF]\d{{4}} {_CLOCK} +\d+ [\w./]{{1,80}}:\d+\] "
    rf"|{_LEVEL} \d\d-\d\d {_CLOCK} [\w./]{{1,80}}:\d+\] "
    r"|(?:INFO|DEBUG)(?: - |: | )"
    r"|\([\w:. ]{0,80}\bpid=\d+[^()]{0,80}\) "
    r"|\[?[Rr]ank ?\d+\]?: ?|\[[Rr]ank:? ?\d+\]:? ?|\[default\d+\]: ?|\[\d+,\d+\]<std(?:out|err)>: ?"
)
_STARTS = frozenset("0123456789[(DIWECFRr")
_MOST = 3


def without_prefix(line: str) -> str:
    """Return ``line`` without the prefixes that logging and launchers write; what was indented behind them stays so."""
    for _ in range(_MOST):
        if line[:1] not in _STARTS:
            return line
        found = _PREFIX.match(line)
        if found is None:
            return line
        line = line[found.end() :]
    return line
