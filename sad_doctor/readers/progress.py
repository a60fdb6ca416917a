"""Progress bars in the shape of tqdm, wherever on a line they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from sad_doctor.readers.numbers import NUMBER

_BAR = re.compile(
    r"(?P<description>[^|%\[\]]{0,80}?)\s*\b\d{1,3}%\|[^|]{0,300}\|\s*(?P<at>\d+)/(?P<total>\d+)\s\[(?P<rest>[^\]]{0,2000})\]"
)
_OPEN_BAR = re.compile(r"(?P<description>[^|%\[\]]{0,80}?)\b(?P<at>\d+)(?:it)?\s\[(?P<rest>\d+:\d\d,[^\]]{0,2000})\]")
_VALUE = re.compile(rf"([A-Za-z_][\w/.\-]*)=({NUMBER})", re.IGNORECASE)
_RATE = re.compile(
    r"\b(\d{1,9}(?:\.\d{1,9})?) ?(?:(?:it|step|batch|iter|ba)(?:e?s)?/s\b|s/(?:it|step|batch|iter|ba)\b)"
)
_EPOCH = re.compile(r"epoch\W{0,3}(\d+)", re.IGNORECASE)
_NOT_TRAINING = re.compile(r"eval|valid|test|load|download|token|map|shard|generat", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bar:
    """One drawing of a bar: how far it is, of how many if that is told, and the ``name=value`` pairs behind it.

    ``rate`` is its pace in steps a second, a mean over the last ones, None where it is not told. ``start`` and ``end``
    bound it on the line: programs print on without ending a bar's line.
    """

    description: str
    at: int
    total: int | None
    values: Mapping[str, float]
    start: int
    end: int
    rate: float | None = None

    @property
    def epoch(self) -> int | None:
        """The epoch in its description, as printed."""
        return _epoch_of(self.description)

    @property
    def is_training(self) -> bool:
        """Whether it shows a training: it has a loss or a rate, or counts batches of an epoch."""
        if _is_elsewhere(self.description):
            return False
        return bool(self.values.keys() & {"loss", "lr", "train_loss"}) or self.epoch is not None


@lru_cache(maxsize=4096)
def _epoch_of(description: str) -> int | None:
    match = _EPOCH.search(description)
    return int(match[1][:9]) if match else None


@lru_cache(maxsize=4096)
def _is_elsewhere(description: str) -> bool:
    return _NOT_TRAINING.search(description) is not None


def find_bar(line: str) -> Bar | None:
    """Return the first bar on ``line``, or None."""
    match = _BAR.search(line) if "%|" in line else (_OPEN_BAR.search(line) if "it/s" in line else None)
    if match is None:
        return None
    total = match["total"] if match.re is _BAR else None
    values = {name: float(value) for name, value in _VALUE.findall(match["rest"])}
    return Bar(
        match["description"].strip(" :"),
        int(match["at"][:15]),
        int(total[:15]) if total else None,
        values,
        match.start(),
        match.end(),
        _rate_in(match["rest"]),
    )


def _rate_in(rest: str) -> float | None:
    """Steps a second, from ``2.21it/s`` or ``1.50s/it``."""
    found = _RATE.search(rest)
    told = 0.0 if found is None else float(found[1])
    if found is None or not told:
        return None
    return told if found[0].endswith("/s") else 1 / told
