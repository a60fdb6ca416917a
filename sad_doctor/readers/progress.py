"""Progress bars in the shape of tqdm, wherever on a line they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from sad_doctor import names
from sad_doctor.readers.naming import column_of, plain
from sad_doctor.readers.numbers import NUMBER
from sad_doctor.readers.remembered import remembered
from sad_doctor.sealed import sealed

_BAR = re.compile(
    r"(?P<description>[^|%\[\]]{0,80}?)\s*\b\d{1,3}%\|[^|]{0,300}\|\s*(?P<at>\d+)/(?P<total>\d+)\s\[(?P<rest>[^\]]{0,2000})\]"
)
_OPEN_BAR = re.compile(r"(?P<description>[^|%\[\]]{0,80}?)\b(?P<at>\d+)(?:it)?\s\[(?P<rest>\d+:\d\d,[^\]]{0,2000})\]")
_VALUE = re.compile(
    rf"(?<![\w/.\-])([A-Za-z_][\w/.\-]{{0,60}}(?: [A-Za-z_][\w/.\-]{{0,60}}){{0,2}})['\"]?(?:=|: )['\"]?({NUMBER})",
    re.IGNORECASE,
)
"""A value: ``loss=2.5``, ``KD Loss=1.5``, ``'loss': '2.5'``."""
_DESCRIBED = re.compile(r"\s{0,9}(?:train\w*|epoch|ep|step|iter\w*|loss|avg|mean)\b", re.IGNORECASE)
"""How a description begins that may hold the values of a training: ``Epoch 1 | loss: 2.5``."""
_RATE = re.compile(
    r"\b(\d{1,9}(?:\.\d{1,9})?) ?(?:(?:it|step|batch|iter|ba)(?:e?s)?/s\b|s/(?:it|step|batch|iter|ba)\b)"
)
_TUNED = re.compile(rf"(?P<epoch>\d{{1,9}})\|(?P<step>\d{{1,15}})\|Loss: (?P<loss>{NUMBER}):?\s*$", re.IGNORECASE)
"""torchtune's, before its bar: the epoch, the step of the run and the loss of it."""
_EPOCH = re.compile(r"epoch\W{0,3}(\d+)", re.IGNORECASE)
_TRAINS = (names.BAR_LOSS, names.LOSS, names.LEARNING_RATE, names.RAW, names.WEIGHTED)
_NOT_TRAINING = re.compile(r"eval|valid|test|load|download|token|map|shard|generat", re.IGNORECASE)


@sealed
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
        return self.epoch is not None or any(bar_column(name).startswith(_TRAINS) for name in self.values)


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
    values = _values(match["rest"])
    description, start = match["description"].strip(" :"), match.start()
    if "loss" not in values and _DESCRIBED.match(line) is not None:
        head = line[: match.end("description")]
        told = {name: value for name, value in _values(head[:400]).items() if bar_column(name).startswith(_TRAINS)}
        if told and not _is_elsewhere(head):
            values, description, start = told | values, head.strip(" :"), 0
    tuned = _TUNED.search(line, max(0, start - 40), match.end("description")) if description else None
    if tuned is not None:
        values |= {"step": float(tuned["step"]), "loss": float(tuned["loss"])}
        description, start = f"Epoch {tuned['epoch']}", tuned.start()
    return Bar(
        description,
        int(match["at"][:15]),
        int(total[:15]) if total else None,
        values,
        start,
        match.end(),
        _rate_in(match["rest"]),
    )


def _values(text: str) -> dict[str, float]:
    return {name.replace(" ", "_"): float(value) for name, value in _VALUE.findall(text)}


def _rate_in(rest: str) -> float | None:
    """Steps a second, from ``2.21it/s`` or ``1.50s/it``."""
    found = _RATE.search(rest)
    told = 0.0 if found is None else float(found[1])
    if found is None or not told:
        return None
    return told if found[0].endswith("/s") else 1 / told


@remembered
def bar_column(name: str) -> str:
    """Return the column for a value beside a progress bar, whose loss is often a mean over batches."""
    column = column_of(name) or ""
    if column == names.LOSS:
        return names.BAR_LOSS
    ours = column.startswith("train/") or plain(name).startswith("eval/")
    return column if column and ours else f"progress_bar/{name}"


class Beside:
    """The values beside the bars of a training. An evaluation stands there until the next one."""

    def __init__(self) -> None:
        self._stands: dict[str, float] = {}

    def news(self, bar: Bar) -> Iterator[tuple[str, float]]:
        """Yield the pace and the values that a bar tells, by column; an evaluation where it is another than before."""
        if bar.rate is not None:
            yield names.STEPS_PER_SECOND, bar.rate
        for name, value in bar.values.items():
            if name.endswith("_epoch") and f"{name[:-6]}_step" in bar.values:
                continue  # Lightning's mean of the epoch before, beside the value of the step
            column = bar_column(name)
            held = column.startswith("eval/")
            if name != "step" and not (held and self._stands.get(column) == value):
                yield column, value
            if held:
                self._stands[column] = value
