"""Sends the record to other libraries too: through accelerate's trackers, under the same names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sad.errors import UserError


def check(names: Sequence[str]) -> None:
    """Raise UserError for a tracker that accelerate does not know, or whose library is not installed."""
    if not names:
        return
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
    from accelerate.utils import LoggerType

    known, there = sorted(map(str, LOGGER_TYPE_TO_CLASS)), {str(one) for one in get_available_trackers()}
    for name in names:
        if name not in known:
            raise UserError(f"train.trackers: no tracker {name}; known: {', '.join(known)}")
        # a tracker that somebody registered with accelerate needs no library
        if name in {str(one) for one in LoggerType} and name not in there:
            raise UserError(f"train.trackers: {name} is not installed: pip install {name}, or leave it out")


class Trackers:
    """Some of accelerate's trackers at once. One that fails is left out from then on, with one line to ``tell``: the
    run does not end because a server does not answer. For the first process only.
    """

    def __init__(
        self, names: Sequence[str], run: Path, config: Mapping[str, Any], tell: Callable[[str], object]
    ) -> None:
        """Start each of ``names`` for the folder ``run``; ``config`` is a tree of plain values."""
        self._tell = tell
        self._live: dict[str, Any] = {}
        for name in dict.fromkeys(names):
            self._try(name, lambda name=name: self._start(name, run, flat(config)))  # type: ignore[misc]

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Hand a line of the record on."""
        for name, one in [*self._live.items()]:
            self._try(name, lambda one=one: one.log(dict(values), step=step))  # type: ignore[misc]

    def close(self) -> None:
        """Let each tracker write what it still holds."""
        for name, one in [*self._live.items()]:
            self._try(name, lambda one=one: one.finish())  # type: ignore[misc]
        self._live.clear()

    def _start(self, name: str, run: Path, config: Mapping[str, Any]) -> None:
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS

        kind = LOGGER_TYPE_TO_CLASS[name]
        made = kind(run.name, str(run / "trackers")) if kind.requires_logging_directory else kind(run.name)
        made.start()
        made.store_init_configuration(dict(config))
        self._live[name] = made

    def _try(self, name: str, what: Callable[[], object]) -> None:
        try:
            what()
        except Exception as error:  # somebody else's library and server can raise anything
            self._live.pop(name, None)
            first = (str(error).strip().splitlines() or [""])[0][:200]
            self._tell(f"{name} is left out from here on: {type(error).__name__}: {first}")


def flat(tree: Mapping[str, Any], under: str = "") -> dict[str, str | int | float | bool]:
    """Return a tree as one level of dotted keys, as trackers want it; what is no number and no text is written as text,
    and what is not set is left out.
    """
    found: dict[str, str | int | float | bool] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{under}{key}.")
        elif value is not None:
            found[f"{under}{key}"] = value if isinstance(value, str | int | float | bool) else str(value)
    return found
