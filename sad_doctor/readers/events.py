"""The events of a log, at most so many of a kind: a log can repeat one warning a million times."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from sad_doctor.run import Event
from sad_doctor.sanitize import sanitize

MOST_OF_A_KIND = 500


class Events:
    """Events in the order in which they came. Of too many of one kind the first ones and the last are kept."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._counts: Counter[str] = Counter()
        self._last: dict[str, int] = {}

    def add(self, kind: str, message: str, step: float | None = None, time: float | None = None) -> int:
        """Add an event, its texts cleaned; return its place for :meth:`reword`."""
        kind = sanitize(kind, 60)
        event = Event(kind, sanitize(message).strip(), step, time)
        self._counts[kind] += 1
        if self._counts[kind] > MOST_OF_A_KIND:
            self._events[self._last[kind]] = event
        else:
            self._last[kind] = len(self._events)
            self._events.append(event)
        return self._last[kind]

    def reword(self, place: int, kind: str, message: str) -> None:
        """Change the kind and message of the event at ``place``."""
        self._events[place] = replace(self._events[place], kind=kind, message=sanitize(message).strip())

    def snapshot(self) -> tuple[Event, ...]:
        """Return the events as they are now."""
        return tuple(self._events)

    @property
    def notes(self) -> tuple[str, ...]:
        """One line that names the kinds that came too often."""
        return tuple(
            f"{count} events of kind {kind}: the first {MOST_OF_A_KIND - 1} and the last are kept"
            for kind, count in self._counts.items()
            if count > MOST_OF_A_KIND
        )
