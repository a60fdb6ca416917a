"""The runs that are open: which is in front, what is known of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from textual.content import Content

from sad_doctor.readers.source import Source
from sad_doctor.readers.tail import Pace
from sad_doctor.views import metrics, numerals
from sad_doctor.views.plain import line
from sad_doctor.views.tui.charts.letters import letter
from sad_doctor.views.tui.pages import compare
from sad_doctor.views.tui.pages.about import about_page
from sad_doctor.views.tui.pages.detail import verdict_page
from sad_doctor.views.tui.pages.prose import BLANK, KeyedPage, Page, title
from sad_doctor.views.tui.runs.replay import Replay
from sad_doctor.views.tui.runs.snapshot import Judge, Snapshot, Watch


class OpenRuns:
    """Looks at every run; the first is in front until another is chosen."""

    def __init__(self, sources: Sequence[Source], judge: Judge, now: Callable[[], float]) -> None:
        self.sources = list(sources)
        self.front = 0
        self.snapshots: dict[int, Snapshot] = {}
        self._watches = [Watch(source, judge, now) for source in self.sources]
        self._there = [os.path.lexists(source.path) for source in self.sources]

    @property
    def several(self) -> bool:
        """Whether there is more than one run."""
        return len(self.sources) > 1

    @property
    def rested(self) -> bool:
        """Whether enough time has passed since looks that took long."""
        return all(watch.rested for watch in self._watches)

    def stop(self) -> None:
        """End the reading soon."""
        for watch in self._watches:
            watch.stop()

    def look(self) -> tuple[dict[int, Snapshot], str]:
        """Look at every log; returns the new snapshots by the number of the run, and what went wrong last."""
        found, problem = {}, ""
        for number, watch in enumerate(self._watches):
            try:
                snapshot = watch.look()
            except Exception as error:  # a log may vanish or be half written: say so and look again
                problem = line(f"{type(error).__name__}: {error}")
            else:
                if snapshot is not None:
                    found[number] = snapshot
                if self._there[number] and not os.path.lexists(self.sources[number].path):
                    name = line(self.sources[number].path.name, 80)
                    problem = f"{name} is gone: what was read of it stays, and it is read again once it is back"
        return found, problem

    def keep(self, found: Mapping[int, Snapshot]) -> None:
        """Take over new snapshots."""
        self.snapshots |= found

    @property
    def names(self) -> list[str]:
        """What the runs are called among each other."""
        known = (self.snapshots.get(n) for n in range(len(self.sources)))
        paths = (source.path for source in self.sources)
        return compare.labels([s.run.name if s else path.name for s, path in zip(known, paths, strict=True)])

    @property
    def own(self) -> compare.Own:
        """What the run in front is called where there are others; nothing where it is alone."""
        return compare.Own(self.names[self.front], letter(self.front)) if self.several else compare.Own()

    def rivals(self, dark: bool) -> list[compare.Rival]:
        """Return the runs that are not in front."""
        called = self.names
        return [
            compare.Rival(called[n], compare.colour(n, dark), snapshot, letter(n))
            for n, snapshot in sorted(self.snapshots.items())
            if n != self.front
        ]

    def rows(self, dark: bool, lettered: bool = False) -> list[KeyedPage]:
        """Return a row for each run, with its letter if there are no colours; the keys are the numbers."""
        rows = []
        known = [self.snapshots.get(number) for number in range(len(self.sources))]
        figures = compare.told(known, self.front)
        for number, name in enumerate(self.names):
            front = number == self.front
            ink = metrics.inks(dark)["plain"] if front else compare.colour(number, dark)
            mark = letter(number) if lettered and self.several else "━"
            snapshot = self.snapshots.get(number)
            rows.append((str(number), compare.run_row(snapshot, name, ink, figures[number], in_front=front, mark=mark)))
        return rows

    def page(self, key: str) -> Page:
        """Return what is known of a run: its verdict, and what it is."""
        snapshot = self.snapshots.get(int(key))
        if snapshot is None:
            return []
        told = verdict_page(snapshot.report) or title("No rule that could look found anything.")
        return [*told, BLANK, *about_page(snapshot.run)]


_FORMAT = 13
"""Cells of the common formats: what follows stands in a column."""
_PEEK = 0.5
"""Seconds of reading after which a run is too long to be judged while one chooses."""


def peek(source: Source, judge: Judge) -> tuple[Content, Content]:
    """Return how a run fares, and what it is. Raises what the source or the judge raises."""
    pace = getattr(source, "pace", None) or Pace()
    pace.seconds = _PEEK
    source.poll()
    run = source.whole() if isinstance(source, Replay) else source.run()
    reached = f"{run.unit:<5}{numerals.step(run.last_step):>7}"
    facts = Content.styled(f"{line(run.format, 32):<{_FORMAT}}   {reached}", "$text-muted")
    return (Content.styled("long", "$text-muted") if pace.share < 1 else compare.flags(judge(run))), facts
