"""How a run ended, as far as the lines of its log tell: each crash once, and none that the training outlived."""

from __future__ import annotations

from sad_doctor import names
from sad_doctor.readers.events import Events
from sad_doctor.run import Event


class Ending:
    """The status of a run and the errors behind it, kept among ``events``."""

    def __init__(self, events: Events) -> None:
        self.status = "unknown"
        self._events = events
        self._crashes: list[tuple[int, str]] = []

    def crash(self, error: str, step: float | None) -> None:
        """Take an error; one that is told twice, with more words or fewer, counts once."""
        if is_interrupt(error):
            self.interrupt(error, step)
            return
        self.status = "crashed"
        for index, (place, known) in enumerate(self._crashes):
            if error.endswith(known):
                self._events.reword(place, names.EVENT_CRASH, error)
                self._crashes[index] = (place, error)
            if error.endswith(known) or known.endswith(error):
                return
        self._crashes.append((self._events.add(names.EVENT_CRASH, error, step), error))

    def interrupt(self, message: str, step: float | None) -> None:
        """Take a stop by hand."""
        self._events.add(names.EVENT_INTERRUPT, message, step)
        self.status = "interrupted"

    def early_stop(self, message: str, step: float | None) -> None:
        """Take an early stop: the training ran out of patience."""
        self._events.add(names.EVENT_EARLY_STOP, message, step)
        self.status = "finished"

    def finish(self) -> None:
        """Take the log's statement that the training is complete."""
        self.status = "finished"

    def outlived(self) -> None:
        """The training goes on: whatever seemed the end of the run before was not."""
        for place, error in self._crashes:
            self._events.reword(place, names.EVENT_WARNING, f"caught: {error}")
        self._crashes.clear()
        self.status = "unknown"

    def with_open(self, error: str | None, step: float | None) -> tuple[tuple[Event, ...], str]:
        """Return events and status as they are if the log ends here, inside a traceback with ``error``."""
        events = self._events.snapshot()
        if error is None:
            return events, self.status
        status = "interrupted" if is_interrupt(error) else "crashed"
        kind = names.EVENT_INTERRUPT if status == "interrupted" else names.EVENT_CRASH
        return (*events, Event(kind, error, step)), status


def is_interrupt(error: str) -> bool:
    """Say whether an error is a stop by hand."""
    return error.startswith("KeyboardInterrupt")
