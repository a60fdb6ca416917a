"""Which findings of a run nobody was told of yet, while it is judged again and again."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from pathlib import Path

from sad_doctor import names
from sad_doctor.finding import Finding, Level, Report, Story
from sad_doctor.run import Run


class News:
    """Remembers what it has told. ``level`` is the lowest level that is news. May be asked from several threads.

    A finding is told once, however long it stays, whether or not its numbers change, and not again when it comes back.
    It is news again where it has become worse, or where the same rule speaks of another term of the loss.
    """

    def __init__(self, level: Level = Level.WARNING) -> None:
        self._level = level
        self._told: defaultdict[tuple[Path, str], list[tuple[Level, frozenset[str]]]] = defaultdict(list)
        self._lock = threading.Lock()

    def of(self, run: Run, report: Report) -> tuple[Story, ...]:
        """Return what is new, each cause with its new consequences; where the cause is old, its first new consequence.

        The stories stand as in the report, the worst first.
        """
        terms = {term for name in run.columns if (term := names.term_of(name))}
        with self._lock:
            fresh = [
                [f for f in (story.finding, *story.consequences) if f.level >= self._level and self._new(run, f, terms)]
                for story in report.stories
            ]
        return tuple(Story(one[0], tuple(one[1:])) for one in fresh if one)

    def _new(self, run: Run, finding: Finding, terms: set[str]) -> bool:
        told = self._told[run.path, finding.rule]
        about = frozenset(terms.intersection(re.findall(r"\w+", finding.headline)))
        if any(level >= finding.level and _same(about, before) for level, before in told):
            return False
        told.append((finding.level, about))
        return True


def _same(about: frozenset[str], before: frozenset[str]) -> bool:
    """Whether two findings of a rule are one: a list of terms may grow, but what shares no term is another finding."""
    return not about or not before or bool(about & before)
