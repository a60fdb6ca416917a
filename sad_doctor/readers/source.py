"""What every reader gives: a source that can be polled and turned into a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sad_doctor.run import Run
from sad_doctor.sealed import sealed

ACCEPTED = (
    "a run folder of `sad train`, the console log of a training, a Hugging Face trainer_state.json, JSON lines, "
    "a CSV table, TensorBoard events, a .wandb file, or a database of MLflow or trackio"
)


class Unreadable(Exception):  # noqa: N818 - a verdict on the file, not a fault of ours
    """The path that was given holds no log that can be read. The message is one clear line for the user."""


class Source(Protocol):
    """A log that may still grow."""

    @property
    def path(self) -> Path:
        """Where the log lies."""
        ...

    def poll(self) -> bool:
        """Read all that is new. True if there was anything, or if the file was cut short or replaced."""
        ...

    def run(self) -> Run:
        """Return what the log has told so far; the same object as before if nothing changed."""
        ...


class Log(ABC):
    """A source that makes its run anew only after something new was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run: Run | None = None

    def poll(self) -> bool:
        """Read all that is new. True if there was anything, or if the file was cut short or replaced."""
        changed = self._read()
        if changed:
            self._run = None
        return changed

    def run(self) -> Run:
        """Return what the log has told so far; the same object as before if nothing changed."""
        if self._run is None:
            self._run = self._make_run()
        return self._run

    @abstractmethod
    def _read(self) -> bool:
        """Read all that is new, as :meth:`poll` says."""

    @abstractmethod
    def _make_run(self) -> Run:
        """Return what was read so far as a run."""


@sealed
class Reader:
    """One format of single files.

    ``recognises`` gets the path and the first bytes of the file; ``open`` gets the path. ``caches`` tells that what it
    opens keeps a cache of its own.
    """

    name: str
    recognises: Callable[[Path, bytes], bool]
    open: Callable[[Path], Source]
    caches: bool = False
